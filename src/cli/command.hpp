// The subcommands of fasweep. Each reads its own arguments and returns an exit code; errors are thrown to main.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "store/damage_guard.hpp"

namespace fasweep::cli {

/// Exit codes of the program. 128 + n stay free for signals.
enum ExitCode : int {
  success = 0,
  internal_error = 1,
  usage_error = 2,
  runs_failed = 3,
  plan_conflict = 4,
  results_damaged = damaged_exit_code,
  stopped_early = 75  // resumable: the same command continues
};

using Arguments = std::vector<std::string>;

int plan_command(const Arguments& arguments);
int run_command(const Arguments& arguments);
int status_command(const Arguments& arguments);
int verify_command(const Arguments& arguments);
int check_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int merge_command(const Arguments& arguments);
int state_command(const Arguments& arguments);
int keys_command(const Arguments& arguments);
int selftest_command(const Arguments& arguments);
int version_command(const Arguments& arguments);

struct Command {
  std::string_view name;
  std::string_view usage;
  std::string_view summary;
  int (*run)(const Arguments& arguments);
};

inline constexpr std::array<Command, 11> commands{{
    {"plan", "plan JOB.cfg [--points csv|json] [--set key=value]...",
     "list axes, runs, predicted cost, memory and file size; runs nothing", plan_command},
    {"run", "run JOB.cfg -o FILE.h5 [options]", "train every run of the job; repeat the command to continue",
     run_command},
    {"status", "status FILE.h5 [--json]", "how many runs are done, failed and left; also while a sweep runs",
     status_command},
    {"verify", "verify FILE.h5 [--repair]", "check journal and file; --repair rebuilds the file from the journal",
     verify_command},
    {"check", "check FILE.h5 [--runs 5] [--seed 0]",
     "train some of its runs again in plain loops and compare every number", check_command},
    {"export", "export FILE.h5 [--trajectories] [-o FILE.csv]", "write the results as CSV", export_command},
    {"merge", "merge IN.h5... -o OUT.h5", "gather the shards of one plan into one file", merge_command},
    {"state", "state FILE.h5 --run N | --where key=value,... [--step T...] -o STATE.h5",
     "train one run again and write its weights, outputs and errors at some steps", state_command},
    {"keys", "keys [--json]", "every key of a job file: default, meaning, accepted values", keys_command},
    {"selftest", "selftest [--backend cuda]", "check the GPU's kernels against the CPU, and time them",
     selftest_command},
    {"version", "version [--json]", "version, compiler and libraries", version_command},
}};

}  // namespace fasweep::cli
