// fasweep export: results as CSV, for tools that do not read HDF5.
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/arguments.hpp"
#include "store/export_csv.hpp"
#include "util/error.hpp"

namespace fasweep::cli {

int export_command(const Arguments& arguments) {
  ArgumentGrammar grammar("export");
  grammar.options.add_options()("trajectories", "one row a run and recorded step instead of one row a run")(
      "output,o", program_options::value<std::string>(), "write here instead of standard output; never overwrites");
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string path = values["file"].as<std::string>();
  const CsvRows rows = values.count("trajectories") > 0 ? CsvRows::steps : CsvRows::runs;
  if (values.count("output") == 0) {
    export_csv(path, std::cout, rows);
    return success;
  }
  const std::string target = values["output"].as<std::string>();
  if (std::filesystem::exists(target)) {
    throw ConfigError("file '" + target + "' is there already (export overwrites nothing); choose another name");
  }
  std::ofstream out(target);
  export_csv(path, out, rows);
  if (!out.flush()) {
    throw ConfigError("file '" + target + "' cannot be written (no permission or no room); choose another place");
  }
  return success;
}

}  // namespace fasweep::cli
