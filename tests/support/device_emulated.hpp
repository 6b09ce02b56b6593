// Controls of the emulated device that tests link in place of CUDA: how many devices there are, how much memory, and
// when they fail.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fasweep::emulation {

struct DeviceSettings {
  int devices = 1;
  std::size_t memory_bytes = std::size_t{1} << 30U;  // of each device
  std::int64_t launches_until_lost = -1;             // then every launch fails; -1: never
  int shared_bytes_a_block = 100 * 1024;
  int compute_capability = 75;  // without the tensor cores that resident kernels want
  bool has_products = true;
};

/// The settings in force, shared by all threads; change them between trainers only.
[[nodiscard]] DeviceSettings& device_settings();

/// Bytes now allocated.
[[nodiscard]] std::size_t allocated_bytes();

/// Kernel launches so far, those replayed from graphs among them.
[[nodiscard]] std::int64_t launches();

/// Products of 16-bit factors so far.
[[nodiscard]] std::int64_t half_products();

/// Device that this thread selected last.
[[nodiscard]] int selected_device();

}  // namespace fasweep::emulation
