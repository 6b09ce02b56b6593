#include "backend/cuda/weight_space_plan.hpp"

#include <algorithm>

#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/run_batch.hpp"
#include "model/metric/list.hpp"

namespace fasweep {
namespace {

std::int64_t hidden_blocks(const WeightSpaceShape& shape) {
  return weight_blocks(std::int64_t{shape.width} * shape.inputs);
}
std::int64_t output_blocks(const WeightSpaceShape& shape) {
  return weight_blocks(std::int64_t{shape.width} * shape.outputs);
}

/// Blocks of samples when `samples` are evaluated some at a time.
int evaluated_blocks(int samples) {
  const int whole = samples / evaluated_rows;
  return whole * sample_blocks(evaluated_rows) + sample_blocks(samples % evaluated_rows);
}

bool wants(const WeightSpaceShape& shape, MetricTraits trait) {
  return (shape.traits & trait) != 0;
}

}  // namespace

WeightSpaceShape weight_space_shape(const DataSettings& data, const TrainingSettings& training,
                                    std::span<const int> metrics, int width, bool has_counts) {
  WeightSpaceShape shape;
  shape.samples = data.samples;
  shape.test_samples = data.test_samples;
  shape.inputs = data.inputs;
  shape.outputs = data.outputs;
  shape.width = width;
  shape.takes_minibatches = takes_minibatches(training, data);
  shape.batch_samples = shape.takes_minibatches ? training.batch_size : data.samples;
  shape.drops = training.dropout > 0;
  shape.decays_hidden = training.decay.reaches(1);
  shape.shares_data = data.source != DataSource::teacher;
  shape.has_counts = has_counts;
  shape.traits = traits_of({metrics.begin(), metrics.end()});
  return shape;
}

int most_samples(const WeightSpaceShape& shape) {
  const int evaluated = std::max(batch_is_training_set(shape) ? 0 : shape.samples, shape.test_samples);
  return std::max(shape.batch_samples, std::min(evaluated, evaluated_rows));
}

bool batch_is_training_set(const WeightSpaceShape& shape) {
  return !shape.takes_minibatches && !shape.drops;
}

ObservedLayout observed_layout(const WeightSpaceShape& shape) {
  ObservedLayout layout;
  layout.batch_sums = sample_sums * sample_blocks(shape.batch_samples);
  if (wants(shape, sees_training_set) && !batch_is_training_set(shape)) {
    layout.training_sums = sample_sums * evaluated_blocks(shape.samples);
  }
  if (wants(shape, sees_test_set)) {
    layout.test_sums = sample_sums * evaluated_blocks(shape.test_samples);
  }
  layout.output_sums = output_sums * static_cast<int>(output_blocks(shape));
  layout.hidden_changes = wants(shape, sees_hidden_change) ? shape.width : 0;
  layout.gradient_sums = wants(shape, sees_gradients) ? gradient_sums * static_cast<int>(hidden_blocks(shape)) : 0;
  layout.hidden_squares = shape.decays_hidden ? static_cast<int>(hidden_blocks(shape)) : 0;
  return layout;
}

WeightSpaceSizes measure(const WeightSpaceShape& shape, int problems, int runs) {
  const std::int64_t p = shape.width;
  const std::int64_t d = shape.inputs;
  const std::int64_t k = shape.outputs;
  const std::int64_t rows = shape.samples + shape.test_samples;
  const std::int64_t samples = most_samples(shape);
  const std::int64_t batch = shape.batch_samples;
  WeightSpaceSizes sizes;
  const std::int64_t padded_inputs = padded_halves(shape.inputs);
  sizes.inputs = shape.shares_data ? 0 : product({problems, rows, d});
  sizes.targets = shape.shares_data ? 0 : product({problems, rows, k});
  sizes.gathered = shape.takes_minibatches && !shape.has_counts ? product({problems, batch, d}) : 0;
  sizes.output_of_problem = product({problems, p, k});
  sizes.initial_hidden = wants(shape, sees_hidden_change) ? product({problems, p, d}) : 0;
  sizes.hidden_weight = product({runs, p, d});
  sizes.output_weight = product({runs, p, k});
  sizes.hidden_bias = product({runs, p});
  sizes.output_bias = product({runs, k});
  sizes.hidden = product({runs, samples, p});
  sizes.signal = shape.has_counts ? 0 : sizes.hidden;
  sizes.seen = shape.drops ? sizes.hidden : 0;
  sizes.predicted = product({runs, samples, k});
  sizes.gradients = wants(shape, sees_gradients) ? product({2, p, d}) : 0;
  sizes.signals = wants(shape, for_several_outputs) ? product({runs, 3 * k * k + batch * k}) : 0;
  if (shape.has_counts) {
    const std::int64_t sets = gather_differs(shape, problems) ? runs : 1;
    sizes.units = product({runs, p});
    sizes.error_size = product({runs, samples});
    sizes.hidden_gradient = sizes.hidden_weight;
    sizes.gathered_counts = product({std::max(sets * batch, samples), padded_inputs});
    sizes.hidden_halves = product({runs, p, padded_inputs});
    sizes.signal_halves = product({runs, batch, padded_halves(shape.width)});
  }
  sizes.history = product({max_steps_a_chunk, runs,
                           sample_sums * sample_blocks(shape.batch_samples) + output_blocks(shape) +
                               (shape.decays_hidden ? hidden_blocks(shape) : 0)});
  const ObservedLayout layout = observed_layout(shape);
  for (const auto section : observed_sections) {
    sizes.observed += product({runs, layout.*section});
  }
  sizes.rows = shape.takes_minibatches ? product({max_steps_a_chunk + 1, problems, batch}) : 0;
  return sizes;
}

std::size_t WeightSpaceSizes::bytes() const {
  const std::size_t singles = inputs + targets + gathered + 2 * output_of_problem + initial_hidden + 2 * hidden_weight +
                              3 * output_weight + 2 * hidden_bias + 2 * output_bias + hidden + signal + seen +
                              2 * predicted + gradients + signals + 4 * units + error_size + hidden_gradient;
  const std::size_t pairs = gathered_counts + hidden_halves + signal_halves;
  return sizeof(float) * singles + sizeof(HalfPair) * pairs + sizeof(double) * (history + observed) +
         sizeof(std::int32_t) * rows;
}

int runs_that_fit(std::size_t free_bytes, const WeightSpaceShape& shape, int runs) {
  constexpr std::size_t for_the_library = std::size_t{40} << 20U;  // its workspace, and small buffers
  const std::size_t usable = free_bytes / 10 * 9;
  int fitting = usable > for_the_library ? runs : 0;
  while (fitting > 0 && measure(shape, fitting, fitting).bytes() > usable - for_the_library) {
    --fitting;
  }
  return fitting;
}

int runs_to_fill(int multiprocessors, const WeightSpaceShape& shape) {
  constexpr int tile = 128;  // of a matrix, that a library's block makes
  const auto tiles = [](int extent) { return (extent + tile - 1) / tile; };
  const std::int64_t blocks = std::int64_t{tiles(shape.width)} * tiles(shape.batch_samples);
  constexpr std::int64_t blocks_each = 16;  // the last of them, and what stands between two launches, are few then
  return static_cast<int>(std::max<std::int64_t>(1, blocks_each * multiprocessors / blocks));
}

int steps_of_a_chunk(const WeightSpaceShape& shape, int runs) {
  const double flop_of_a_chunk = shape.has_counts ? 4e12 : 1e12;
  const double step = 4.0 * shape.batch_samples * shape.inputs * shape.width * runs;
  return static_cast<int>(std::clamp(flop_of_a_chunk / step, 1.0, static_cast<double>(max_steps_a_chunk)));
}

bool gather_differs(const WeightSpaceShape& shape, int problems) {
  return shape.takes_minibatches && problems > 1;
}

std::size_t dataset_bytes(const WeightSpaceShape& shape) {
  const std::int64_t rows = std::int64_t{shape.samples} + shape.test_samples;
  if (shape.has_counts) {
    return sizeof(HalfPair) * product({rows, padded_halves(shape.inputs) / 2}) +
           sizeof(float) * (product({rows, shape.outputs}) + product({2, shape.inputs}));
  }
  return sizeof(float) * product({rows, std::int64_t{shape.inputs} + shape.outputs});
}

}  // namespace fasweep
