// Training of a batch of runs that stay on chip: launches of a bounded time, and between them what only the host can
// do.
#pragma once

#include <span>
#include <vector>

#include "backend/cuda/batch_loop.hpp"
#include "backend/cuda/device_clock.hpp"
#include "backend/cuda/resident_runs.hpp"
#include "train/trainer.hpp"

namespace fasweep {

/// Trains runs of one shape, all from their start or their checkpoint, records in the order of `members`. sizes: with
/// its clusters. starts: one for each of parts_of(members).problems. Of `settings` neither problem nor runs are looked
/// at. Throws DeviceError.
[[nodiscard]] std::vector<RunRecord> train_resident(Stream& stream, DeviceClock& clock, const TrainingRequest& settings,
                                                    std::span<const BatchMember> members, const ResidentBatch& sizes,
                                                    std::span<const ResidentStart> starts);

}  // namespace fasweep
