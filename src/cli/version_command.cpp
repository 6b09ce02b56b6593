// fasweep version.
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/build_info.hpp"
#include "cli/isa.hpp"

namespace fasweep::cli {

int version_command(const Arguments& arguments) {
  ArgumentGrammar grammar("version");
  grammar.options.add_options()("json", "one JSON object on standard output");
  add_isa_option(grammar);
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string isa(choose_isa(isas_here(), read_isa(values)).name);
  if (values.count("json") > 0) {
    nlohmann::json json;
    for (const auto& [name, value] : build_info()) {
      json[name] = value;
    }
    json["isa"] = isa;
    std::cout << json.dump(2) << "\n";
  } else {
    std::cout << build_text() << "isa: " << isa << "\n";
  }
  return success;
}

}  // namespace fasweep::cli
