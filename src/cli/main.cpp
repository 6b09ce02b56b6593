// fasweep: names the subcommand, catches every error, chooses the exit code. Nothing below here calls exit().
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "cli/command.hpp"
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

int report(const std::exception& error, int code) {
  std::cerr << "fasweep: " << error.what() << "\n";
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace fasweep;
  try {
    return run_named_command(argc, argv);
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
