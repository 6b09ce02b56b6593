// Which devices a rank uses, which runs they take, how a batch is cut and what memory it needs: pure functions, which
// need no device.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include "backend/cuda/sample_space_arguments.hpp"
#include "model/run_spec.hpp"
#include "model/solver.hpp"

namespace fasweep {

/// Devices of the rank that is number `local_rank` of `local_ranks` on its node, which shows it `devices`: its share,
/// at least one, ranks in turn. Worker w uses entry w modulo the size. Empty without devices.
[[nodiscard]] std::vector<int> choose_devices(int local_rank, int local_ranks, int devices);

/// What decides which runs a device takes.
struct DeviceLimits {
  int shared_bytes_a_block = 0;  // that its blocks may have
  bool has_products = false;     // the library that makes them is there
};

/// How a device would train this run: in sample space where its kernels can, else in weight space; automatic: not at
/// all, because its kernels do not follow the rule or a setting, or because the reduced-linear solver, which needs no
/// device, is cheapest.
[[nodiscard]] Solver choose_device_solver(const DataSettings& data, const TrainingSettings& training, Solver wanted,
                                          const RunSpec& run, const DeviceLimits& limits);

/// Why no run with these metrics (positions in `Metrics`) trains on a device; empty if they may.
[[nodiscard]] std::string why_left_to_cpu(const std::vector<int>& metrics);

/// What the runs of a batch share.
struct BatchShape {
  int samples = 0;  // n, training samples
  int rows = 0;     // n and the test samples
  int width = 0;    // p
  friend bool operator==(const BatchShape&, const BatchShape&) = default;
};

/// How a run of this width is cut into blocks. A function of the width alone: sums are taken a block at a time, so the
/// cut decides rounding, and results must not depend on what shares a batch.
struct BlockCut {
  int blocks = 0;
  int tiles_a_block = 0;
};
[[nodiscard]] BlockCut cut_width(int width);

/// The sizes of a batch, without its pointers.
[[nodiscard]] SampleSpaceBatch measure_batch(const BatchShape& shape, int runs);

/// Device bytes of a batch.
[[nodiscard]] std::size_t batch_bytes(const BatchShape& shape, int problems, int runs);

/// Most runs, at most `runs`, whose batch leaves a tenth of `free_bytes` free whatever their problems; 0 if not even
/// one fits.
[[nodiscard]] int runs_that_fit(std::size_t free_bytes, const BatchShape& shape, int runs);

/// Runs, at least one, whose blocks the device holds at once; more in a batch would wait for their turn.
[[nodiscard]] int runs_to_fill(int resident_blocks, int width);

[[nodiscard]] constexpr int divide_up(int a, int b) {
  return (a + b - 1) / b;
}

/// Numbers in an array of these extents.
[[nodiscard]] constexpr std::size_t product(std::initializer_list<std::int64_t> extents) {
  std::size_t size = 1;
  for (const std::int64_t extent : extents) {
    size *= static_cast<std::size_t>(extent);
  }
  return size;
}

}  // namespace fasweep
