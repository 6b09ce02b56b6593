#include "sweep/find_run.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr std::size_t most_listed = 6;

/// A value that is looked for.
struct Wanted {
  const Key* key = nullptr;
  std::string text;  // in canonical form
  double number = 0;
};

std::string name_of(const Key& key) {
  return std::string(key.column.empty() ? key.name : key.column);
}

/// The key of this name: a column of the plan first, as those are what readers of its file see.
const Key& find_key_of_run(const Plan& plan, std::string_view name) {
  const std::vector<const Key*> columns = plan.columns();
  for (const Key* key : columns) {
    if (name == key->column) {
      return *key;
    }
  }
  for (const Key& key : all_keys()) {
    const bool has_value = (key.get || key.write) && applies(key, plan.job().data().source);
    if (has_value && (name == key.name || name == key.short_name() || name == key.column)) {
      return key;
    }
  }
  std::vector<std::string_view> names;
  names.reserve(columns.size());
  for (const Key* key : columns) {
    names.push_back(key->column);
  }
  throw ConfigError("option '--where' = '" + std::string(name) + "' is not accepted (its runs have no such key" +
                    suggest(name, names) + "); write key=value, of " + join(names, ", "));
}

std::vector<Wanted> read_wanted(const Plan& plan, std::string_view where) {
  std::vector<Wanted> wanted;
  for (const std::string_view part : split(where, ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      throw ConfigError("option '--where' = '" + std::string(where) + "' is not accepted ('" + std::string(part) +
                        "' has no '='); write key=value pairs such as p=200,lambda=0.1,seed=3");
    }
    const Key& key = find_key_of_run(plan, trim(part.substr(0, equals)));
    Point point = plan.point(0);
    apply_value(key, trim(part.substr(equals + 1)), point);
    wanted.push_back({&key, write_value(key, point), key.get ? key.get(point) : 0});
  }
  return wanted;
}

bool has(const Point& point, const Wanted& wanted) {
  if (!wanted.key->is_number()) {
    return write_value(*wanted.key, point) == wanted.text;
  }
  constexpr double same = 1e-12;
  const double number = wanted.key->get(point);
  return std::abs(number - wanted.number) <= same * std::max(std::abs(number), std::abs(wanted.number));
}

/// How far a run is from what is wanted: values it lacks, then by how much those that are numbers differ.
std::pair<std::size_t, double> distance(const Point& point, const std::vector<Wanted>& wanted) {
  std::pair<std::size_t, double> result{0, 0};
  for (const Wanted& one : wanted) {
    if (has(point, one)) {
      continue;
    }
    ++result.first;
    if (one.key->is_number()) {
      const double number = one.key->get(point);
      result.second += std::abs(number - one.number) / (std::abs(number) + std::abs(one.number));
    } else {
      result.second += 1;
    }
  }
  return result;
}

std::string write(const std::vector<Wanted>& wanted) {
  std::string text;
  for (const Wanted& one : wanted) {
    text += (text.empty() ? "" : ", ") + name_of(*one.key) + " = " + one.text;
  }
  return text;
}

/// The wanted keys of a run, as it has them.
std::string describe(const Point& point, const std::vector<Wanted>& wanted) {
  std::string text;
  for (const Wanted& one : wanted) {
    text += (text.empty() ? "" : ", ") + name_of(*one.key) + " = " + write_value(*one.key, point);
  }
  return text;
}

[[noreturn]] void refuse_none(const Plan& plan, const std::vector<Wanted>& wanted) {
  std::map<std::string, std::pair<std::size_t, double>> found;  // what the nearest runs have, each once
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    found.emplace(describe(point, wanted), distance(point, wanted));
    if (found.size() > most_listed) {
      found.erase(std::max_element(found.begin(), found.end(),
                                   [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
  }
  std::vector<std::pair<std::pair<std::size_t, double>, std::string>> nearest;
  for (const auto& [text, far] : found) {
    if (far.first == std::min_element(found.begin(), found.end(), [](const auto& a, const auto& b) {
                       return a.second < b.second;
                     })->second.first) {
      nearest.emplace_back(far, text);
    }
  }
  std::sort(nearest.begin(), nearest.end());
  std::string list;
  for (const auto& [far, text] : nearest) {
    list += (list.empty() ? "" : "; ") + text;
  }
  throw ConfigError("0 of " + std::to_string(plan.size()) + " runs have " + write(wanted) + " (nearest: " + list +
                    "); choose an existing one");
}

[[noreturn]] void refuse_several(const Plan& plan, const std::vector<Wanted>& wanted,
                                 const std::vector<std::int64_t>& runs) {
  std::string apart;
  for (const Key* key : plan.columns()) {
    std::set<std::string> values;
    std::string list;
    for (const std::int64_t run : runs) {
      std::string value = write_value(*key, plan.point(run));
      if (values.insert(value).second && values.size() <= most_listed) {
        list += (list.empty() ? "" : ", ") + value;
      }
    }
    if (values.size() > 1) {
      apart += (apart.empty() ? "" : "; ") + name_of(*key) + ": " + list + (values.size() > most_listed ? ", ..." : "");
    }
  }
  throw ConfigError(std::to_string(runs.size()) + " of " + std::to_string(plan.size()) + " runs have " + write(wanted) +
                    " (they differ in " + apart + "); add a value that only the one you mean has");
}

}  // namespace

std::int64_t find_run(const Plan& plan, std::string_view where) {
  const std::vector<Wanted> wanted = read_wanted(plan, where);
  std::vector<std::int64_t> runs;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    if (std::all_of(wanted.begin(), wanted.end(), [&](const Wanted& one) { return has(point, one); })) {
      runs.push_back(run);
    }
  }
  if (runs.empty()) {
    refuse_none(plan, wanted);
  }
  if (runs.size() > 1) {
    refuse_several(plan, wanted, runs);
  }
  return runs.front();
}

}  // namespace fasweep
