// Checks the kernels on the present device: their bits against those of the emulation, their numbers against a trainer
// on the CPU, and their speed. `fasweep selftest` runs this.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend/cuda/device_profile.hpp"
#include "backend/cuda/selftest_checksums.hpp"
#include "train/trainer.hpp"

namespace fasweep {

struct SelfTestLine {
  bool passed = false;
  std::string text;
  std::optional<DeviceProfile> device = {};  // without rates: the device of the lines that follow
  std::optional<MeasuredRate> rate = {};     // of --gpu-arithmetic fast, or exact where the device has no other
};

/// Takes every line as soon as it is known.
using SelfTestReport = std::function<void(const SelfTestLine&)>;

/// Every check on one device; the lines say which and why. `reference` trains in weight space in float64. Throws
/// DeviceError if the device cannot be used.
void run_selftest(int device, Trainer& reference, const SelfTestReport& report);

/// What selftest_checksums.hpp should say, from the device this thread has selected.
[[nodiscard]] std::vector<KernelChecksum> make_kernel_checksums();

// Its parts, on the device this thread has selected: one line per shape and activation; those of each of `activations`.
void check_kernel_bits(const SelfTestReport& report);
void check_kernel_numbers(int device, std::span<const int> activations, Trainer& reference,
                          const SelfTestReport& report);

}  // namespace fasweep
