#include "backend/cuda/device_profile.hpp"

#include <algorithm>

#include "backend/cuda/run_batch.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"

namespace fasweep {
namespace {

// Assumed of every device, for want of one to measure on.
constexpr double launch_s = 3e-6;              // between two kernels of a graph, and until partial sums are added up
constexpr double chunk_s = 1e-4;               // uploads, downloads and waits of a chunk of steps
constexpr double bus_bytes_per_second = 20e9;  // PCIe 4, less overhead

constexpr int schedulers = 4;  // of a multiprocessor; each issues one instruction of 32 lanes a clock
constexpr double issued_lanes = 32.0 * schedulers;

constexpr int round_up(int a, int granule) {
  return divide_up(a, granule) * granule;
}

/// Arithmetic and instructions, each over all lanes, of one tile in one step.
struct TileWork {
  double operations = 0;
  double instructions = 0;
};

TileWork tile_work(const SampleSpaceBatch& batch, int activation) {
  const bool is_cheap = Activations::visit(activation, [](auto type) { return decltype(type)::type::is_cheap; });
  const double value = is_cheap ? 1 : 32;  // operations of psi; 32: tanh without contraction, and its division
  const double signal = static_cast<double>(batch.samples) * tile_units;
  const double rows = static_cast<double>(batch.rows) * tile_units;
  const double product = static_cast<double>(batch.samples) * batch.padded_rows * tile_units;
  // For 32 multiply-adds a thread loads 16 entries of K, four at once, and 2 of M; 64 threads stage an entry of K each.
  constexpr double loads =
      (kernels::rows_a_thread / 4.0 + kernels::units_a_thread) / (kernels::rows_a_thread * kernels::units_a_thread);
  const double staging = static_cast<double>(batch.samples) * batch.padded_rows * 6;
  return {product + signal * (value + 4) + rows * (value + 2),
          product * (1 + loads) + staging + signal * (value + 10) + rows * (value + 5)};
}

/// Bytes that one run moves between multiprocessors and L2 in one step: z twice in and once out, A in and out, K once a
/// tile, the partial sums once a block.
double step_bytes(const SampleSpaceBatch& batch) {
  const double width = batch.width;
  const double state = width * (batch.samples + 2.0 * batch.rows + 2.0 * batch.samples + 3);
  const double gram = static_cast<double>(batch.blocks) * batch.tiles_a_block * batch.samples * batch.padded_rows;
  const double partials = static_cast<double>(batch.blocks) * (batch.blocks + 1) * (batch.rows + 1);
  return sizeof(float) * (state + gram + partials);
}

/// What a run keeps between steps, in bytes: z, A and beta.
double state_bytes(const SampleSpaceBatch& batch) {
  return sizeof(float) * static_cast<double>(batch.width) * (batch.rows + batch.samples + 1.0);
}

}  // namespace

int resident_blocks(const DeviceProfile& device, int registers, int shared_bytes) {
  constexpr int register_granule = 256;
  constexpr int registers_a_scheduler = 65536 / schedulers;
  const bool is_ampere_or_later = device.compute_capability >= 80;
  const int warps_of_registers =
      registers_a_scheduler / round_up(registers * kernels::lanes, register_granule) * schedulers;
  const int by_registers = warps_of_registers / round_up(kernels::warps, schedulers);
  const int reserved = is_ampere_or_later ? 1024 : 0;
  const int by_shared = device.shared_bytes / round_up(shared_bytes + reserved, is_ampere_or_later ? 128 : 256);
  const int by_threads = device.most_threads / threads_a_block;
  const bool is_possible = shared_bytes <= device.shared_bytes_a_block;
  return is_possible ? std::min({by_registers, by_shared, by_threads, device.most_blocks}) : 0;
}

int choose_batch(const DeviceProfile& device, const BatchShape& shape, int runs) {
  const int resident =
      device.multiprocessors * resident_blocks(device, train_step_registers, kernels::shared_bytes(shape.samples));
  const int filling = std::min(runs, runs_to_fill(resident, shape.width));
  return std::max(1, runs_that_fit(static_cast<std::size_t>(device.memory_bytes), shape, filling));
}

StepForecast forecast_step(const DeviceProfile& device, const BatchShape& shape, int activation, int runs) {
  const SampleSpaceBatch batch = measure_batch(shape, runs);
  const TileWork work = tile_work(batch, activation);
  const double clocks_a_tile = std::max(work.operations / device.lanes, work.instructions / issued_lanes);
  // The busiest multiprocessor decides.
  const int blocks = divide_up(batch.blocks * runs, device.multiprocessors);
  StepForecast forecast;
  forecast.arithmetic_s = blocks * batch.tiles_a_block * clocks_a_tile / device.clock_hz;
  forecast.in_l2 = state_bytes(batch) * runs <= device.l2_bytes;
  const double by_l2 = step_bytes(batch) * runs / (device.l2_bytes_a_clock * device.clock_hz);
  const double by_memory = 2 * state_bytes(batch) * runs / device.bandwidth;  // in and out
  forecast.memory_s = forecast.in_l2 ? by_l2 : std::max(by_l2, by_memory);
  forecast.launch_s = launch_s;
  return forecast;
}

std::int64_t count_chunks(std::span<const std::int64_t> recorded, std::int64_t steps) {
  std::int64_t chunks = 1;  // the last one, which ends the run
  std::int64_t from = 0;
  for (const std::int64_t step : recorded) {
    const std::int64_t to = std::min(step, steps);
    chunks += (to - from + max_steps_a_chunk - 1) / max_steps_a_chunk;
    from = to;
  }
  return chunks + (steps - from + max_steps_a_chunk - 1) / max_steps_a_chunk;
}

double forecast_batch(const DeviceProfile& device, const BatchShape& shape, int activation, int runs, double steps,
                      std::int64_t chunks) {
  const double start = sizeof(float) * static_cast<double>(shape.rows) * shape.width * runs;
  const double seen = sizeof(float) * steps * runs * (shape.rows + 1.0);
  return steps * forecast_step(device, shape, activation, runs).seconds() + static_cast<double>(chunks) * chunk_s +
         (start + seen) / bus_bytes_per_second;
}

int choose_batch(const DeviceProfile& device, const WeightSpaceShape& shape, int runs) {
  const std::size_t dataset = shape.shares_data ? dataset_bytes(shape) : 0;
  const std::size_t memory = static_cast<std::size_t>(device.memory_bytes);
  const int filling = std::min(runs, runs_to_fill(device.multiprocessors, shape));
  return std::max(1, dataset < memory ? runs_that_fit(memory - dataset, shape, filling) : 0);
}

namespace {

/// Multiply-adds of the forward pass of one sample.
double forward_work(const WeightSpaceShape& shape) {
  return static_cast<double>(shape.width) * (static_cast<double>(shape.inputs) + shape.outputs);
}

double multiply_adds_a_second(const DeviceProfile& device) {
  return static_cast<double>(device.multiprocessors) * device.lanes * device.clock_hz;
}

}  // namespace

StepForecast forecast_step(const DeviceProfile& device, const WeightSpaceShape& shape, int runs) {
  const double samples = shape.batch_samples;
  const double p = shape.width;
  const double d = shape.inputs;
  // Units of the batch: Z written, psi taken in place, read by two products; the signal made from them and read.
  // Weights: read forwards, changed. Inputs: gathered, read forwards and back.
  const double units = 8 * samples * p;
  const double weights = (shape.decays_hidden ? 5 : 3) * p * d;
  const double inputs = (shape.takes_minibatches ? 4 : 2) * samples * d;
  constexpr double float_bytes = sizeof(float);
  const double bytes = float_bytes * (runs * (units + weights) + inputs);
  StepForecast forecast;
  forecast.arithmetic_s = 2 * samples * forward_work(shape) * runs / multiply_adds_a_second(device);
  forecast.in_l2 = float_bytes * runs * (2 * samples * p + p * d) <= device.l2_bytes;
  forecast.memory_s = bytes / (forecast.in_l2 ? device.l2_bytes_a_clock * device.clock_hz : device.bandwidth);
  const int launches = 8 + (shape.takes_minibatches ? 1 : 0) + (shape.decays_hidden ? 1 : 0);
  forecast.launch_s = launches * launch_s;
  return forecast;
}

double forecast_batch(const DeviceProfile& device, const WeightSpaceShape& shape, int runs, double steps,
                      std::int64_t recorded) {
  const double evaluated =
      ((shape.traits & sees_training_set) != 0 && !batch_is_training_set(shape) ? shape.samples : 0) +
      ((shape.traits & sees_test_set) != 0 ? shape.test_samples : 0.0);
  const double record = chunk_s + evaluated * forward_work(shape) * runs / multiply_adds_a_second(device);
  const double start = sizeof(float) * static_cast<double>(shape.width) * shape.inputs * runs;
  const double chunks = steps / steps_of_a_chunk(shape, runs);
  return steps * forecast_step(device, shape, runs).seconds() + chunks * chunk_s +
         static_cast<double>(recorded) * record + start / bus_bytes_per_second;
}

}  // namespace fasweep
