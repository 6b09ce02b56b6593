// The training loop of a batch: what train_run (train/train_loop.hpp) does for one run on the CPU, for many on a
// device. The device runs ahead in chunks of steps that end at recorded steps; the losses of every step come back and
// go through the same StopMonitor. A run that should have stopped within a chunk is set back to the chunk's start and
// taken to exactly that step, so records say the same as if every step had been looked at.
#pragma once

#include <span>
#include <vector>

#include "backend/cuda/device.hpp"
#include "train/trainer.hpp"

namespace fasweep {

/// A run and the problem it is of. Both outlive the call.
struct BatchMember {
  const Problem* problem = nullptr;
  const RunSpec* run = nullptr;
};

/// Trains runs of problems of one shape, all at once; records in the order of `members`. Of `settings` neither problem
/// nor runs are looked at. Throws DeviceError, and DeviceMemoryError if the batch does not fit.
[[nodiscard]] std::vector<RunRecord> train_batch(const TrainingRequest& settings, std::span<const BatchMember> members,
                                                 Stream& stream);

}  // namespace fasweep
