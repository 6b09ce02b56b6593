// fasweep export: results as CSV, for tools that do not read HDF5.
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "cli/arguments.hpp"
#include "store/draft_file.hpp"
#include "store/export_csv.hpp"
#include "util/error.hpp"

namespace fasweep::cli {

int export_command(const Arguments& arguments) {
  ArgumentGrammar grammar("export");
  grammar.options.add_options()("trajectories", "one row per run and recorded step instead of one row per run")(
      "output,o", program_options::value<std::string>(), "write here instead of standard output; never overwrites");
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string path = input_path(values, "file");
  const CsvRows rows = values.count("trajectories") > 0 ? CsvRows::steps : CsvRows::runs;
  if (values.count("output") == 0) {
    export_csv(path, std::cout, rows);
    return success;
  }
  const std::string target = output_path(values);
  DraftFile draft(target);
  std::ofstream out(draft.path());
  out.exceptions(std::ios::failbit | std::ios::badbit);  // a full disk ends it at once
  try {
    export_csv(path, out, rows);
    out.close();
  } catch (const std::ios::failure&) {
    throw ConfigError("file '" + target + "' cannot be written (" + std::strerror(errno) + "); choose another place");
  }
  draft.publish();
  return success;
}

}  // namespace fasweep::cli
