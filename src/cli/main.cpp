// fasweep: names the subcommand, catches every error, chooses the exit code. Nothing below here calls exit().
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "cli/command.hpp"
#include "cli/message.hpp"
#include "util/error.hpp"

namespace {

using namespace std::string_view_literals;
using fasweep::cli::Command;
using fasweep::cli::commands;

void print_help(std::ostream& out) {
  out << "fasweep trains every point of a (width, lambda, activation, learning rule, seed) grid of small networks\n"
         "and gathers the trajectories into one HDF5 file.\n\n";
  for (const Command& command : commands) {
    out << "  fasweep " << command.usage << "\n      " << command.summary << "\n";
  }
  out << "\nA sweep in four commands:\n"
         "  fasweep plan jobs/smoke.cfg                      what would run, how long, how large\n"
         "  fasweep run jobs/smoke.cfg -o smoke.h5           on all cores of this machine\n"
         "  mpirun -n 4 fasweep run jobs/smoke.cfg -o smoke.h5   the same over MPI; the same file\n"
         "  fasweep status smoke.h5                          at any time\n"
         "\n'fasweep COMMAND --help' explains a command; 'fasweep plan --help' the job file.\n"
         "exit codes: 0 complete, 1 internal error, 2 usage or job file, 3 finished with failed runs,\n"
         "            4 the file belongs to another plan, 5 results damaged or wrong, 75 stopped early (run "
         "again to continue)\n";
}

int run_named_command(int argc, char** argv) {
  if (argc < 2 || argv[1] == "--help"sv || argv[1] == "-h"sv || argv[1] == "help"sv) {
    print_help(argc < 2 ? std::cerr : std::cout);
    return argc < 2 ? fasweep::cli::usage_error : fasweep::cli::success;
  }
  const std::string_view name = argv[1] == "--version"sv ? "version"sv : argv[1];
  const auto* found = std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == name; });
  if (found == commands.end()) {
    throw fasweep::ConfigError("unknown command '" + std::string(name) +
                               "' (fasweep has no such command); see fasweep --help");
  }
  return found->run({argv + 2, argv + argc});
}

/// A file that is opened while one of them is closed would take its number, and what is printed would go into it.
/// What stands in for it cannot be written to or read from, so that its absence is noticed.
void fill_closed_standard_streams() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(number, F_GETFD) == -1) {
      static_cast<void>(open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY));
    }
  }
}

/// While it lives, what cannot be printed ends a command at once.
class StrictOutput {
 public:
  StrictOutput() { std::cout.exceptions(std::ios::badbit); }
  ~StrictOutput() { std::cout.exceptions(std::ios::goodbit); }  // the program's end flushes it once more
  StrictOutput(const StrictOutput&) = delete;
  StrictOutput& operator=(const StrictOutput&) = delete;
};

int report(const std::exception& error, int code) {
  fasweep::cli::print_message(error.what());
  return code;
}

/// Reports errors of calls whose module has no message of its own.
int report(const std::filesystem::filesystem_error& error) {
  const bool is_disk = error.code() == std::errc::no_space_on_device || error.code() == std::errc::io_error;
  fasweep::cli::print_message("path '" + error.path1().string() + "' cannot be used (" + error.code().message() +
                              "); " +
                              (is_disk ? "check the disk, and run the same command again" : "choose another one"));
  return is_disk ? fasweep::cli::stopped_early : fasweep::cli::usage_error;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fasweep;
  fill_closed_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is then an error like a full disk
  try {
    const StrictOutput strict;
    const int code = run_named_command(argc, argv);
    std::cout.flush();
    return code;
  } catch (const std::ios::failure&) {
    cli::print_message("standard output cannot be written (its disk is full, or it is closed); choose another place");
    return cli::usage_error;
  } catch (const std::filesystem::filesystem_error& error) {
    return report(error);
  } catch (const ConfigError& error) {
    return report(error, cli::usage_error);
  } catch (const PlanConflictError& error) {
    return report(error, cli::plan_conflict);
  } catch (const DamagedError& error) {
    return report(error, cli::results_damaged);
  } catch (const StoreError& error) {
    return report(error, cli::stopped_early);
  } catch (const std::exception& error) {
    return report(error, cli::internal_error);
  }
}
