// Trains batches of runs on one CUDA device in sample space; runs it does not take go to another trainer. Without CUDA
// (cuda_trainer_unavailable.cpp) the same functions say how to get it.
#pragma once

#include <memory>

#include "train/trainer.hpp"

namespace fasweep {

/// Whether this program was built with CUDA.
[[nodiscard]] bool has_cuda();

/// Devices this process may use; 0 without a driver or without CUDA.
[[nodiscard]] int count_cuda_devices();

/// The trainer of one worker thread, made and used in that thread. It takes float32 runs with at most 256 samples (test
/// samples included) under solver auto or sample-space; `others` trains the rest, and what the cost model gives to
/// reduced-linear. Throws DeviceError if the device cannot be used.
[[nodiscard]] std::unique_ptr<Trainer> make_cuda_trainer(int device, std::unique_ptr<Trainer> others);

}  // namespace fasweep
