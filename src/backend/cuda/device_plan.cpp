#include "backend/cuda/device_plan.hpp"

#include <algorithm>
#include <cmath>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/run_batch.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"

namespace fasweep {

std::vector<int> choose_devices(int local_rank, int local_ranks, int devices) {
  std::vector<int> chosen;
  if (devices > 0 && local_rank >= devices) {
    chosen.push_back(local_rank % devices);
  }
  for (int device = local_rank; device < devices; device += local_ranks) {
    chosen.push_back(device);
  }
  return chosen;
}

namespace {

/// What the kernels follow, beside the coordinates of a run; float32 and one eta a run alone.
constexpr KeySet sample_space_keys = teacher_keys.with({"training.schedule", "training.max-steps", "training.stop"});
constexpr KeySet weight_space_keys =
    teacher_keys.with({"data.source",           "data.path",           "data.outputs",
                       "data.targets",          "data.normalize",      "data.checksum",
                       "data.target",           "data.header",         "data.split",
                       "training.schedule",     "training.max-steps",  "training.stop",
                       "training.loss",         "training.reduction",  "training.batch-size",
                       "training.sample-order", "training.last-batch", "training.dropout",
                       "training.output-scale", "training.biases",     "training.initial-biases",
                       "training.decay"});

/// Whether the kernels know the loss, whose terms stand in weight_space_kernels.hpp.
bool has_kernels(LossFunction loss) {
  return loss == LossFunction::squared || loss == LossFunction::cross_entropy;
}

bool follows(KeySet honoured, const DataSettings& data, const TrainingSettings& training) {
  return changed_settings(data, training).without(honoured).empty();
}

}  // namespace

Solver choose_device_solver(const DataSettings& data, const TrainingSettings& training, Solver wanted,
                            const RunSpec& run, const DeviceLimits& limits) {
  const bool is_automatic = wanted == Solver::automatic;
  if (!device_takes_rule(run.rule) || hidden_step_factor(training, run.width, run.rule) != 1 ||
      (is_automatic && choose_solver(wanted, data, training, run) == Solver::reduced_linear)) {
    return Solver::automatic;
  }
  const bool fits = data.samples + data.test_samples <= max_rows &&
                    kernels::shared_bytes(data.samples) <= limits.shared_bytes_a_block;
  if ((is_automatic || wanted == Solver::sample_space) && fits && follows(sample_space_keys, data, training) &&
      accepts(Solver::sample_space, data, training, run)) {
    return Solver::sample_space;
  }
  const bool may_multiply = (is_automatic || wanted == Solver::weight_space) && limits.has_products &&
                            follows(weight_space_keys, data, training) && has_kernels(training.loss) &&
                            !derivative_needs_input(run.activation) && training.decay.reaches_output();
  return may_multiply ? Solver::weight_space : Solver::automatic;
}

std::string why_left_to_cpu(const std::vector<int>& metrics) {
  for (const int metric : metrics) {
    if ((traits_of(metric) & (sums_steps | follows_errors)) != 0) {
      return "metric " + std::string(Metrics::names[static_cast<std::size_t>(metric)]) +
             " sees every step, which only the CPU's solvers show";
    }
    if ((traits_of(metric) & sees_layers) != 0) {
      return "metric " + std::string(Metrics::names[static_cast<std::size_t>(metric)]) +
             " looks at every hidden layer, which only the CPU's layered solver shows";
    }
  }
  return {};
}

BlockCut cut_width(int width) {
  const int tiles = divide_up(width, tile_units);
  const int tiles_a_block = divide_up(tiles, max_blocks_a_run);
  return {divide_up(tiles, tiles_a_block), tiles_a_block};
}

SampleSpaceBatch measure_batch(const BatchShape& shape, int runs) {
  const BlockCut cut = cut_width(shape.width);
  SampleSpaceBatch batch;
  batch.samples = shape.samples;
  batch.rows = shape.rows;
  batch.padded_rows = divide_up(shape.rows, rows_a_pass) * rows_a_pass;
  batch.width = shape.width;
  batch.blocks = cut.blocks;
  batch.tiles_a_block = cut.tiles_a_block;
  batch.slots = runs;
  batch.inverse_root_width = static_cast<float>(1 / std::sqrt(static_cast<double>(shape.width)));
  return batch;
}

std::size_t batch_bytes(const BatchShape& shape, int problems, int runs) {
  const SampleSpaceBatch b = measure_batch(shape, runs);
  const std::size_t state = product({b.rows + b.samples + 1, b.width}) + 2 * product({b.blocks, b.rows + 1});
  const std::size_t a_run = 2 * state + product({max_steps_a_chunk, b.rows + 2}) + product({b.rows + 1});
  const std::size_t a_problem = product({b.samples, b.padded_rows}) + product({b.rows + 2 * b.width});
  const std::size_t observed = product({runs, b.blocks, observed_values}) * sizeof(double);
  const std::size_t constants = sizeof(RunParameters) + sizeof(int) + sizeof(std::int64_t);
  return sizeof(float) * (static_cast<std::size_t>(runs) * a_run + static_cast<std::size_t>(problems) * a_problem) +
         observed + static_cast<std::size_t>(runs) * constants + sizeof(std::int64_t);
}

int runs_that_fit(std::size_t free_bytes, const BatchShape& shape, int runs) {
  while (runs > 0 && batch_bytes(shape, runs, runs) > free_bytes / 10 * 9) {
    --runs;
  }
  return runs;
}

int runs_to_fill(int resident_blocks, int width) {
  return std::max(1, resident_blocks / cut_width(width).blocks);
}

}  // namespace fasweep
