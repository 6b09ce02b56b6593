// Trains batches of runs on one CUDA device in sample space; runs it does not take go to another trainer. Without CUDA
// (cuda_trainer_unavailable.cpp) the same functions say how to get it.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "backend/cuda/device_plan.hpp"
#include "train/trainer.hpp"

namespace fasweep {

/// Whether this program was built with CUDA.
[[nodiscard]] bool has_cuda();

/// Devices this process may use; 0 without a driver or without CUDA.
[[nodiscard]] int count_cuda_devices();

/// A device's name, for people and to tell whether two ranks have the same one.
struct CudaDeviceName {
  std::string text;  // "NVIDIA H100 80GB HBM3, GPU-..., PCI 0000:1b:00.0"
  std::string uuid;
};
[[nodiscard]] CudaDeviceName name_cuda_device(int device);

/// Why runs in weight space stay on the CPU: the library of products is missing. Empty: they do not.
[[nodiscard]] std::string why_no_products();

/// What decides which runs this device takes.
[[nodiscard]] DeviceLimits describe_limits(int device);

/// How a device multiplies: exact gives the bits of the kernels' emulation in sample space, and float32 products in
/// weight space; fast keeps runs of sample space on chip (resident_kernels.hpp) and takes 16-bit factors for inputs
/// that they hold (halves_kernels.hpp), both by tensor cores where there are any, with float32's accuracy and bits of
/// its own.
enum class GpuArithmetic { fast, exact };
inline constexpr std::array<std::string_view, 2> gpu_arithmetic_names{"fast", "exact"};

/// The trainer of one worker thread, made and used in that thread. It takes float32 runs: those with at most 256
/// samples (test samples included) that sample space is exact for, and all others in weight space, unless another
/// solver is asked for. `others` trains the rest, and what the cost model gives to reduced-linear. Throws DeviceError
/// if the device cannot be used.
[[nodiscard]] std::unique_ptr<Trainer> make_cuda_trainer(int device, std::unique_ptr<Trainer> others,
                                                         GpuArithmetic arithmetic = GpuArithmetic::fast);

}  // namespace fasweep
