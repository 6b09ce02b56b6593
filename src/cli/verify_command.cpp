// fasweep verify: is every byte of the results what was recorded?
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "store/verify.hpp"
#include "util/text.hpp"

namespace fasweep::cli {

int verify_command(const Arguments& arguments) {
  ArgumentGrammar grammar("verify");
  grammar.options.add_options()("repair", "rebuild the file from the journal; damaged files are kept as *.damaged")(
      "json", "one JSON object on standard output");
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string path = input_path(values, "file");
  const VerifyReport report = verify(path, values.count("repair") > 0 ? Repair::yes : Repair::no);
  if (values.count("json") > 0) {
    std::cout << nlohmann::json{{"sound", report.problems.empty()},
                                {"problems", report.problems},
                                {"repairs", report.repairs},
                                {"notes", report.notes}}
                     .dump(2)
              << "\n";
  } else {
    for (const std::string& problem : report.problems) {
      std::cout << path << ": " << printable(problem) << "\n";
    }
    for (const std::string& repair : report.repairs) {
      std::cout << path << ": " << printable(repair) << "\n";
    }
    for (const std::string& note : report.notes) {
      std::cout << path << ": " << printable(note) << "\n";
    }
    std::cout << path << (report.problems.empty() ? ": sound" : ": damaged") << "\n";
  }
  return report.problems.empty() ? success : results_damaged;
}

}  // namespace fasweep::cli
