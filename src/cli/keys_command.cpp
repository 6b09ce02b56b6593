// fasweep keys: every key of a job file, for people and for programs.
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "sweep/formula.hpp"
#include "sweep/keys.hpp"

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
  json["takes_list"] = !key.column.empty();
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

}  // namespace

int keys_command(const Arguments& arguments) {
  ArgumentGrammar grammar("keys");
  grammar.options.add_options()(
      "json", "one JSON array on standard output: key, type, default, meaning, accepted values, column");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  if (values.count("json") > 0) {
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
