// fasweep keys: every key of a job file, and every learning rule with what trains it, for people and for programs.
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "backend/cuda/device_rules.hpp"
#include "cli/arguments.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"
#include "model/solver.hpp"
#include "sweep/formula.hpp"
#include "sweep/keys.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

nlohmann::json describe(const Key& key) {
  nlohmann::json json;
  json["key"] = key.name;
  json["type"] = key_kind_names[static_cast<std::size_t>(key.kind)];
  json["default"] = key.default_text.empty() ? nlohmann::json() : nlohmann::json(key.default_text);
  if (!key.set_default_text.empty()) {
    json["default_with_data_set"] = key.set_default_text;
  }
  json["meaning"] = key.meaning;
  json["accepted"] = key.accepted;
  json["jobs"] = key_use_names[static_cast<std::size_t>(key.use)];
  json["takes_list"] = !key.column.empty() && key.kind != KeyKind::text;
  if (!key.column.empty()) {
    json["column"] = key.column;
  }
  if (key.kind == KeyKind::name) {
    json["values"] = key.names;
  }
  for (const auto& [word, number] : key.words) {
    json["words"].push_back(word);
  }
  return json;
}

/// A rule, and where it is trained in the settings that suit each solver.
struct RuleRow {
  std::string_view name;
  std::string_view meaning;
  std::vector<std::string_view> solvers;  // of the CPU
  bool on_gpus = false;
};

std::vector<RuleRow> rule_rows() {
  std::vector<RuleRow> rows;
  Rules::for_each([&](auto type) {
    using Rule = typename decltype(type)::type;
    const int rule = Rules::index_of<Rule>();
    RuleRow row{Rule::name, Rule::meaning, {}, device_takes_rule(rule)};
    for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered}) {
      if (accepts(solver, {}, {}, {0, 100, 0, Activations::index_of<Linear>(), rule, 0})) {
        row.solvers.push_back(name_of(solver));
      }
    }
    rows.push_back(row);
  });
  return rows;
}

void print_rules(bool as_json) {
  const int indent = 2 + static_cast<int>(std::ranges::max(Rules::names, {}, &std::string_view::size).size());
  nlohmann::json json = nlohmann::json::array();
  for (const RuleRow& row : rule_rows()) {
    if (as_json) {
      json.push_back({{"rule", row.name}, {"meaning", row.meaning}, {"solvers", row.solvers}, {"gpu", row.on_gpus}});
    } else {
      std::cout << std::left << std::setw(indent) << row.name << row.meaning << "\n"
                << std::setw(indent) << ""
                << "trained by " << join(row.solvers, ", ") << (row.on_gpus ? ", and on GPUs" : "") << "\n";
    }
  }
  if (as_json) {
    std::cout << json.dump(2) << "\n";
  }
}

}  // namespace

int keys_command(const Arguments& arguments) {
  ArgumentGrammar grammar("keys");
  grammar.options.add_options()(
      "json", "one JSON array on standard output: key, type, default, meaning, accepted values, column")(
      "rules", "the learning rules instead, and which solver trains each");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  if (values.count("rules") > 0) {
    print_rules(values.count("json") > 0);
  } else if (values.count("json") > 0) {
    nlohmann::json json = nlohmann::json::array();
    for (const Key& key : all_keys()) {
      json.push_back(describe(key));
    }
    std::cout << json.dump(2) << "\n";
  } else {
    std::cout << job_grammar_help() << "Values may be lists: " << list_grammar << ".\nFormulas: " << formula_grammar
              << ".\n";
  }
  return success;
}

}  // namespace fasweep::cli
