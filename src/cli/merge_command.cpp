// fasweep merge: the shards of one plan, from array jobs or several clusters, become one file.
#include <iostream>

#include "cli/arguments.hpp"
#include "cli/isa.hpp"
#include "cli/message.hpp"
#include "cli/session.hpp"
#include "store/merge.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

/// Of runs that were trained by several instruction sets, which round their last digits otherwise.
void warn_of_isas(const std::string& output, const std::string& agents) {
  if (const std::vector<std::string_view> isas = isas_of(agents); isas.size() > 1) {
    print_message("'" + output + "' holds runs of the instruction sets " + join(isas, " and ") +
                  " (which round the last digits otherwise); train all shards with one --isa, or with --reproducible, "
                  "if that matters");
  }
}

int report_end(const std::string& output, const MergeReport& report) {
  std::cerr << output << ": " << report.runs - report.missing << " of " << report.runs << " runs";
  if (report.failed > 0) {
    std::cerr << ", " << report.failed << " failed";
  }
  if (report.differing > 0) {
    std::cerr << "; " << report.differing << " records differ between the inputs, the first of each is kept\n";
    return results_damaged;
  }
  if (report.missing > 0) {
    std::cerr << "; " << report.missing << " are missing, merge the other shards into it\n";
    return stopped_early;
  }
  std::cerr << "; complete\n";
  return report.failed > 0 ? runs_failed : success;
}

}  // namespace

int merge_command(const Arguments& arguments) {
  using program_options::value;
  ArgumentGrammar grammar("merge");
  grammar.options.add_options()("output,o", value<std::string>()->required(),
                                "the file to create or extend; the same command continues an interrupted merge");
  grammar.positional_values.add_options()("inputs", value<std::vector<std::string>>()->required());
  grammar.positional.add("inputs", -1);
  grammar.epilog =
      "\nEvery input must hold the same plan (exit 4). Inputs may overlap: the first record of a run is kept, records "
      "of\n"
      "one run that differ are reported (exit 5). Exit 75 when runs are missing: everything available has been "
      "merged.\n";
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const auto inputs = values["inputs"].as<std::vector<std::string>>();
  for (const std::string& input : inputs) {
    check_path("inputs", input);
  }
  const std::string output = output_path(values);
  StoreOptions options;
  options.warn = print_message;
  const MergeReport report =
      merge_results({inputs.begin(), inputs.end()}, output, options, make_session("merge", arguments));
  warn_of_isas(output, report.agents);
  return report_end(output, report);
}

}  // namespace fasweep::cli
