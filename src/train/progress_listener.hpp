// Receives the progress of runs while they train. It has no influence on results.
#pragma once

#include <cstdint>

namespace fasweep {

/// How often a run in training tells where it is, seconds.
inline constexpr double tell_interval_s = 0.25;

/// Told by the thread that trains: now and then, so that no step is slower for it, and when a run is over.
class ProgressListener {
 public:
  virtual ~ProgressListener() = default;
  ProgressListener() = default;
  ProgressListener(const ProgressListener&) = delete;
  ProgressListener& operator=(const ProgressListener&) = delete;

  /// `run` (its row in the plan) has made `share` of the steps it may make, 1 when it is over. `restored`, at most
  /// `share`, is what came from a checkpoint.
  virtual void reached(std::int64_t run, double share, double restored) = 0;
};

}  // namespace fasweep
