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

/// Trains runs of request.problem, all at once; records in the order of `runs`. Throws DeviceError, and
/// DeviceMemoryError if the batch does not fit.
[[nodiscard]] std::vector<RunRecord> train_batch(const TrainingRequest& request, std::span<const RunSpec> runs,
                                                 Stream& stream);

}  // namespace fasweep
