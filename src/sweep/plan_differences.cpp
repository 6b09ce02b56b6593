#include "sweep/plan_differences.hpp"

#include <algorithm>
#include <cstdint>
#include <set>
#include <unordered_set>

namespace fasweep {
namespace {

/// Runs of `stored`, by their rows, that are not in `wanted`.
std::vector<std::int64_t> find_missing_runs(const Plan& stored, const Plan& wanted) {
  std::unordered_set<std::uint64_t> known;
  known.reserve(static_cast<std::size_t>(wanted.size()));
  for (std::int64_t run = 0; run < wanted.size(); ++run) {
    known.insert(wanted.identity(run));
  }
  std::vector<std::int64_t> missing;
  for (std::int64_t run = 0; run < stored.size(); ++run) {
    if (!known.contains(stored.identity(run))) {
      missing.push_back(run);
    }
  }
  return missing;
}

/// A key as the job has it, the texts of grids that differ in it one after the other.
std::string write_of_all_grids(const Job& job, const Key& key) {
  std::vector<std::string> texts;
  for (const Grid& grid : job.grids) {
    if (std::string text = write_key(job, grid, key); std::find(texts.begin(), texts.end(), text) == texts.end()) {
      texts.push_back(std::move(text));
    }
  }
  std::string joined;
  for (const std::string& text : texts) {
    joined += (joined.empty() ? "" : " | ") + text;
  }
  return joined;
}

/// Values of a key in the runs of a job.
std::set<std::string> values_of(const Job& job, const Key& key) {
  std::set<std::string> values;
  for (const Grid& grid : job.grids) {
    grid.for_each_combination({&key}, [&](const Point& point) { values.insert(write_value(key, point)); });
  }
  return values;
}

/// Whether a key has to do with runs of `stored` not being in `wanted`; missing: one of them.
bool differs(const Key& key, const Plan& stored, const Plan& wanted, const Point& missing) {
  if (key.finds_data || !applies(key, missing.data.source) || !applies(key, wanted.job().data().source) ||
      (key.matters && !key.matters(missing))) {
    return false;
  }
  if (key.name.starts_with("record.")) {
    return write_of_all_grids(stored.job(), key) != write_of_all_grids(wanted.job(), key);
  }
  if (!key.get && !key.write) {
    return false;  // how a grid is made, not what a run is
  }
  const std::set<std::string> before = values_of(stored.job(), key);
  const std::set<std::string> now = values_of(wanted.job(), key);
  return !std::includes(now.begin(), now.end(), before.begin(), before.end());
}

}  // namespace

std::vector<std::string> plan_differences(const Plan& stored, const Plan& wanted) {
  if (resolved_text(stored.job()) == resolved_text(wanted.job())) {
    return {};
  }
  const std::vector<std::int64_t> missing = find_missing_runs(stored, wanted);
  if (missing.empty()) {
    return {};
  }
  const Point first = stored.point(missing.front());
  std::vector<std::string> differences;
  for (const Key& key : all_keys()) {
    if (differs(key, stored, wanted, first)) {
      differences.push_back(std::string(key.name) + ": file has " + write_of_all_grids(stored.job(), key) +
                            ", job wants " + write_of_all_grids(wanted.job(), key) +
                            (key.name == "data.checksum"               ? " (other data)"
                             : key.name == "training.initial-checksum" ? " (another initial state)"
                                                                       : ""));
    }
  }
  if (differences.empty()) {  // every value occurs, in other combinations
    std::string point = axes_lines(first);
    std::replace(point.begin(), point.end(), '\n', ' ');
    differences.push_back("grid: " + std::to_string(missing.size()) +
                          " runs of the file are not in the job, the first: " + point);
  }
  return differences;
}

}  // namespace fasweep
