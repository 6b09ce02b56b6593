// Which runs stay on chip, how a run is cut into blocks and what memory a batch needs: pure functions.
#pragma once

#include <cstddef>
#include <optional>

#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/resident_arguments.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// The sizes of a batch of such runs, without runs, clusters and pointers; nullopt if the device has no tensor cores
/// for the kernel's products (compute capability 8.0) or such a run fits none of its blocks. A function of the
/// shape and the device alone: the cut decides rounding, and results must not depend on what shares a batch.
/// compute_capability: 90 is 9.0; from there on a run may have several blocks.
[[nodiscard]] std::optional<ResidentBatch> measure_resident(const BatchShape& shape, int shared_bytes_a_block,
                                                            int compute_capability);

/// Whether the kernel takes these settings: it gets schedules as tables of all steps.
[[nodiscard]] bool is_for_resident(const TrainingSettings& training);

/// Runs whose norm of W(t) - W(0) is asked for stay with the exact kernels, which know W's moves, where K is
/// conditioned worse than this: float32's rounding of Z would show in it.
inline constexpr double worst_resident_condition = 1e4;

/// Device bytes of a batch.
[[nodiscard]] std::size_t resident_bytes(const ResidentBatch& sizes, const TrainingSettings& training, int problems,
                                         int runs, std::size_t records);

}  // namespace fasweep
