// What is published about some GPUs, and what follows from it for the kernels: how many blocks are resident, how large
// a batch should be, how long a step should take. Pure functions; nothing here was measured, README.md here says how
// far it can be trusted.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/weight_space_plan.hpp"

namespace fasweep {

struct DeviceProfile {
  std::string_view name;       // as written after --device-profile
  int compute_capability = 0;  // 90 is 9.0
  int multiprocessors = 0;
  double clock_hz = 0;  // boost
  int lanes = 0;        // float32 operations a multiprocessor and clock
  // Of a multiprocessor:
  int most_threads = 0;
  int most_blocks = 0;
  int shared_bytes = 0;
  int shared_bytes_a_block = 0;  // most that one block may have
  // Of the device:
  double l2_bytes = 0;
  double l2_bytes_a_clock = 0;
  double memory_bytes = 0;
  double bandwidth = 0;  // of memory, bytes/s
};

// Sources: NVIDIA's white papers of Volta (V100 SXM2 32 GB), Ampere (A100 SXM 80 GB), Hopper (H100 and H200 SXM) and
// Ada (GeForce RTX 4090); limits of a multiprocessor: CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability". The L2 rates of Hopper (as the A100's) and Ada (half of the A100's) are assumed, not published.
inline constexpr double kibi = 1024;
inline constexpr std::array<DeviceProfile, 5> device_profiles{{
    {"v100", 70, 80, 1.530e9, 64, 2048, 32, 96 << 10, 96 << 10, 6 * kibi* kibi, 2048, 32e9, 0.900e12},
    {"a100", 80, 108, 1.410e9, 64, 2048, 32, 164 << 10, 163 << 10, 40 * kibi* kibi, 5120, 80e9, 2.039e12},
    {"h100", 90, 132, 1.980e9, 128, 2048, 32, 228 << 10, 227 << 10, 50 * kibi* kibi, 5120, 80e9, 3.35e12},
    {"h200", 90, 132, 1.980e9, 128, 2048, 32, 228 << 10, 227 << 10, 50 * kibi* kibi, 5120, 141e9, 4.8e12},
    {"rtx4090", 89, 128, 2.520e9, 128, 1536, 24, 100 << 10, 99 << 10, 72 * kibi* kibi, 2560, 24e9, 1.008e12},
}};
inline constexpr std::array<std::string_view, device_profiles.size()> device_profile_names = [] {
  std::array<std::string_view, device_profiles.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = device_profiles[i].name;
  }
  return names;
}();

/// Registers a thread of train_step has at most: what blocks_a_multiprocessor blocks leave it, in eights.
inline constexpr int train_step_registers = 65536 / (blocks_a_multiprocessor * threads_a_block) / 8 * 8;

/// Blocks of threads_a_block threads that one multiprocessor holds at once; 0 if none fits. The arithmetic of CUDA's
/// cuda_occupancy.h, to which a test holds it.
[[nodiscard]] int resident_blocks(const DeviceProfile& device, int registers, int shared_bytes);

/// Runs of a batch: as many as are resident at once, as fit into memory and as there are. At least 1.
[[nodiscard]] int choose_batch(const DeviceProfile& device, const BatchShape& shape, int runs);

/// Seconds of one step of a batch at published peak rates: the longer of arithmetic and memory, and the launch.
struct StepForecast {
  double arithmetic_s = 0;
  double memory_s = 0;  // of L2, if the batch's state fits there
  double launch_s = 0;
  bool in_l2 = false;
  [[nodiscard]] double seconds() const { return (arithmetic_s > memory_s ? arithmetic_s : memory_s) + launch_s; }
};
[[nodiscard]] StepForecast forecast_step(const DeviceProfile& device, const BatchShape& shape, int activation,
                                         int runs);

/// Chunks into which `steps` steps are cut, a chunk ending at each recorded step.
[[nodiscard]] std::int64_t count_chunks(std::span<const std::int64_t> recorded, std::int64_t steps);

/// Seconds of a batch of runs over `steps` steps in `chunks` chunks, copies included, the host's set-up excluded.
[[nodiscard]] double forecast_batch(const DeviceProfile& device, const BatchShape& shape, int activation, int runs,
                                    double steps, std::int64_t chunks);

// The same in weight space: the products and kernels of weight_space_runs.cpp. recorded: how many of the steps are.
[[nodiscard]] int choose_batch(const DeviceProfile& device, const WeightSpaceShape& shape, int runs);
[[nodiscard]] StepForecast forecast_step(const DeviceProfile& device, const WeightSpaceShape& shape, int runs);
[[nodiscard]] double forecast_batch(const DeviceProfile& device, const WeightSpaceShape& shape, int runs, double steps,
                                    std::int64_t recorded);

}  // namespace fasweep
