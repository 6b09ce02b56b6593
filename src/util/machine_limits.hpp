// What this process may use of its machine, which is seldom all of it: a batch system, a container, `taskset` or the
// user's environment give it a share.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace fasweep {

/// A share, and what sets it, for people: "SLURM_CPUS_PER_TASK = 4", "this machine's cores".
struct Limit {
  double value = 0;
  std::string origin;
};

/// Threads that can run at once, a whole number >= 1: the least of this machine's cores, those the process is bound to,
/// the quota of its cgroups (a part of a core counts as one), SLURM_CPUS_PER_TASK and OMP_NUM_THREADS.
[[nodiscard]] Limit core_limit();

/// Cores that Slurm gives to each task, if it says.
[[nodiscard]] std::optional<Limit> slurm_core_limit();

/// Bytes: the least of this machine's memory, the limits of the process and its cgroups, and what Slurm gives the job
/// on this node.
[[nodiscard]] Limit memory_limit();

/// Limits of cgroups, version 1 or 2, including the enclosing ones: cores (not rounded) and bytes. Return nullopt if
/// there is none. process: the folder with the files `cgroup` and `mountinfo` of a process.
[[nodiscard]] std::optional<double> cgroup_cores(const std::filesystem::path& process = "/proc/self");
[[nodiscard]] std::optional<double> cgroup_bytes(const std::filesystem::path& process = "/proc/self");

}  // namespace fasweep
