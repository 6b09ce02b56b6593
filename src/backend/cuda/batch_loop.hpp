// The training loop of a batch: what train_run (train/train_loop.hpp) does for one run on the CPU, for many on a
// device. The device runs ahead in chunks of steps that end at recorded steps; the losses of every step come back and
// go through the same StopMonitor. A run that should have stopped within a chunk is set back to the chunk's start and
// taken to exactly that step, so records say the same as if every step had been looked at. Checkpoints are of the start
// of a chunk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backend/cuda/device_clock.hpp"
#include "backend/cuda/run_batch.hpp"
#include "model/problem.hpp"
#include "train/trainer.hpp"
#include "util/error.hpp"

namespace fasweep {

/// In the checkpoints of a device, where those of a CPU have cpu_mark (train/train_loop.hpp): which kernels trained the
/// run, those of --gpu-arithmetic exact, which train what the fast ones do not take, or the fast ones. The step
/// follows.
inline constexpr std::int32_t device_mark = 0;
inline constexpr std::int32_t fast_mark = -1;

/// A run, the problem it is of, and where it begins. Problem and run outlive the call.
struct BatchMember {
  const Problem* problem = nullptr;
  const RunSpec* run = nullptr;
  std::int64_t step = 0;  // members of one batch begin at one step
  Bytes saved = {};       // the checkpoint it continues from; empty: at step 0
};

/// Each problem of the members once, in order of its first run, and what a RunBatch needs to know of the runs.
struct BatchParts {
  std::vector<const Problem*> problems;
  std::vector<BatchRun> runs;
};
[[nodiscard]] BatchParts parts_of(std::span<const BatchMember> members);

/// What these kernels saved of this run of the request under this solver, as a member of a batch to come; at step 0 if
/// there is nothing.
[[nodiscard]] BatchMember find_saved(const TrainingRequest& request, const RunSpec& run, Solver solver,
                                     std::int32_t mark);

/// Has the members begin at step 0, and says that it is for what was found wrong with their checkpoints.
void start_anew(std::span<BatchMember> members, Checkpoints& checkpoints, const TransportError& error);

/// Trains the runs of `batch`, made of the members' parts; records in the order of `members`. Of `settings` neither
/// problem nor runs are looked at. mark: of the checkpoints. clock: of the device. Throws DeviceError, and
/// TransportError of a checkpoint, before anything was trained.
[[nodiscard]] std::vector<RunRecord> train_batch(const TrainingRequest& settings, std::span<const BatchMember> members,
                                                 Solver solver, std::int32_t mark, RunBatch& batch, DeviceClock& clock);

}  // namespace fasweep
