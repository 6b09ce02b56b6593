// Reading a subcommand's arguments with Boost.Program_options: one description serves parsing, environment and --help.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <boost/program_options.hpp>

#include "cli/command.hpp"
#include "data/data_report.hpp"
#include "sweep/job.hpp"

namespace fasweep::cli {

namespace program_options = boost::program_options;

/// A subcommand's options (without --help, which read_arguments adds) and positional arguments.
struct ArgumentGrammar {
  std::string_view command;                                // name in `commands`
  program_options::options_description options;            // what --help lists
  program_options::options_description positional_values;  // e.g. "job", not listed
  program_options::positional_options_description positional;
  std::string epilog;  // further text of --help

  explicit ArgumentGrammar(std::string_view name) : command(name) {}

  /// A required positional argument.
  void add_positional(const char* name);
};

/// Flag > environment > default. The environment variable of --time-limit is FASWEEP_TIME_LIMIT.
/// Prints help and sets `helped` if --help is given. Throws ConfigError on anything unknown, repeated or missing.
struct ReadArguments {
  program_options::variables_map values;
  bool helped = false;
};
[[nodiscard]] ReadArguments read_arguments(const ArgumentGrammar& grammar, const Arguments& arguments);

/// Throws ConfigError if a path is empty, or longer than file systems take with `appended` more bytes.
void check_path(std::string_view option, const std::string& path, std::size_t appended = 0);

/// The path that an argument names, and that of --output, beside which files of longer names may be created. Both
/// throw ConfigError as check_path does.
[[nodiscard]] std::string input_path(const program_options::variables_map& values, const std::string& option);
[[nodiscard]] std::string output_path(const program_options::variables_map& values);

/// "key=value" texts of --set. Throws ConfigError if one has no '='.
[[nodiscard]] KeyValues read_overrides(const std::vector<std::string>& texts);

/// A job, its data sets in the order of data_sets_of() and its initial states in that of initial_states_of(), each
/// once.
struct LoadedJob {
  Job job;
  std::vector<Dataset> datasets;
  std::vector<InitialState> states;
  std::vector<DataReport> reports;  // one for each
};

/// The job of a file with overrides, its data sets and initial states read; `path` "-" reads standard input. Throws
/// ConfigError if either cannot be read.
[[nodiscard]] LoadedJob load_job(const std::string& path, const KeyValues& overrides);

/// Prints what is doubtful about a data set to standard error.
void print_warnings(const DataReport& report);

/// Seconds of "90", "90s", "15m", "2h", "1:30:00" or "1-12:00:00" (days as Slurm writes them). Throws ConfigError.
[[nodiscard]] double parse_duration(std::string_view text);

/// The position of `text` in `names`. Throws ConfigError naming the option and what is accepted.
template <class Names>
[[nodiscard]] std::size_t parse_choice(std::string_view option, std::string_view text, const Names& names);

}  // namespace fasweep::cli

#include <algorithm>

#include "util/error.hpp"
#include "util/text.hpp"

template <class Names>
std::size_t fasweep::cli::parse_choice(std::string_view option, std::string_view text, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw ConfigError("option '" + std::string(option) + "' = '" + std::string(text) +
                      "' is not accepted (no such choice); write one of " + join(names, ", "));
  }
  return static_cast<std::size_t>(found - names.begin());
}
