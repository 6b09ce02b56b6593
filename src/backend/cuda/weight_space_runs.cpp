#include "backend/cuda/weight_space_runs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/input_counts.hpp"
#include "backend/cuda/network_copy.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/signal_cosine.hpp"
#include "model/step_samples.hpp"
#include "train/checkpoint.hpp"

namespace fasweep {
namespace {

constexpr auto transposed = Product::Op::transposed;

std::vector<float> to_single(std::span<const double> values) {
  std::vector<float> single(values.size());
  std::transform(values.begin(), values.end(), single.begin(), [](double value) { return static_cast<float>(value); });
  return single;
}

std::vector<WeightRunParameters> parameters_of(std::span<const BatchRun> runs) {
  std::vector<WeightRunParameters> parameters;
  for (const BatchRun& run : runs) {
    parameters.push_back({static_cast<float>(run.step_size), device_rule(run.rule), run.problem});
  }
  return parameters;
}

std::vector<std::int64_t> seeds_of(std::span<const Problem* const> problems) {
  std::vector<std::int64_t> seeds;
  for (const Problem* problem : problems) {
    seeds.push_back(problem->seed);
  }
  return seeds;
}

/// The sums of blocks, in their order; the last is a maximum if `has_maximum`.
template <int count>
std::array<double, count> add_blocks(std::span<const double> blocks, bool has_maximum = false) {
  std::array<double, count> total{};
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    double& sum = total[i % count];
    sum = has_maximum && i % count == count - 1 ? std::max(sum, blocks[i]) : sum + blocks[i];
  }
  return total;
}

constexpr std::size_t rows_at_once = 1024;  // that are brought to the device: bounds the host's memory

std::size_t pairs_a_row(const Dataset& dataset) {
  return static_cast<std::size_t>(padded_halves(dataset.inputs)) / 2;
}

std::size_t row_count(const Dataset& dataset) {
  return static_cast<std::size_t>(dataset.samples) + static_cast<std::size_t>(dataset.test_samples);
}

}  // namespace

DeviceDataset::DeviceDataset(const Dataset& dataset, std::optional<double> unit, Stream& stream)
    : source_(&dataset),
      inputs_(unit ? 0 : row_count(dataset) * static_cast<std::size_t>(dataset.inputs)),
      counts_(unit ? row_count(dataset) * pairs_a_row(dataset) : 0),
      scale_(unit ? static_cast<std::size_t>(dataset.inputs) : 0),
      shift_(scale_.size()),
      targets_(row_count(dataset) * static_cast<std::size_t>(dataset.outputs)) {
  if (unit) {
    upload_counts(dataset, *unit, stream);
  } else {
    upload_inputs(dataset, stream);
  }
  targets_.upload(std::span<const float>(to_single(dataset.y)), stream);
}

void DeviceDataset::upload_inputs(const Dataset& dataset, Stream& stream) {
  std::vector<float> some;
  for (std::size_t first = 0; first < row_count(dataset); first += rows_at_once) {
    const std::size_t rows = std::min(rows_at_once, row_count(dataset) - first);
    some.resize(rows * static_cast<std::size_t>(dataset.inputs));
    for (std::size_t i = 0; i < rows; ++i) {
      dataset.expand_row(static_cast<std::int64_t>(first + i), &some[i * static_cast<std::size_t>(dataset.inputs)]);
    }
    inputs_.upload(std::span<const float>(some), stream, first * static_cast<std::size_t>(dataset.inputs));
  }
}

void DeviceDataset::upload_counts(const Dataset& dataset, double unit, Stream& stream) {
  std::vector<double> scale;
  for (const double of_input : dataset.scale) {
    scale.push_back(of_input * unit);
  }
  scale_.upload(std::span<const float>(to_single(scale)), stream);
  shift_.upload(std::span<const float>(to_single({dataset.shift.begin(), dataset.shift.end()})), stream);
  const std::size_t pairs = pairs_a_row(dataset);
  std::vector<HalfPair> some;
  for (std::size_t first = 0; first < row_count(dataset); first += rows_at_once) {
    const std::size_t rows = std::min(rows_at_once, row_count(dataset) - first);
    some.assign(rows * pairs, 0);
    for (std::size_t i = 0; i < rows; ++i) {
      for (auto at = dataset.row_begin[first + i]; at < dataset.row_begin[first + i + 1]; ++at) {
        const auto entry = static_cast<std::size_t>(at);
        const auto column = static_cast<std::size_t>(dataset.column[entry]);
        const HalfPair half = half_of_count(static_cast<int>(std::lround(dataset.raw[entry] / unit)));
        some[i * pairs + column / 2] |= half << (column % 2 == 0 ? 0U : 16U);
      }
    }
    counts_.upload(std::span<const HalfPair>(some), stream, first * pairs);
  }
}

WeightSpaceRuns::WeightSpaceRuns(Stream& stream, const TrainingRequest& settings, int activation,
                                 std::span<const Problem* const> problems, std::span<const BatchRun> runs,
                                 const DeviceDataset* dataset)
    : stream_(stream),
      products_(stream),
      settings_(settings),
      activation_(activation),
      shape_(weight_space_shape(settings.data, settings.training, settings.record.metrics, problems[0]->width,
                                dataset != nullptr && dataset->has_counts())),
      sizes_(measure(shape_, static_cast<int>(problems.size()), static_cast<int>(runs.size()))),
      layout_(observed_layout(shape_)),
      parameters_(runs.size()),
      seeds_(problems.size()),
      active_(runs.size()),
      limits_(runs.size()),
      first_step_(1),
      decays_(runs.size() * max_steps_a_chunk),
      rows_(sizes_.rows / (max_steps_a_chunk + 1) * max_steps_a_chunk),
      observed_rows_(sizes_.rows / (max_steps_a_chunk + 1)),
      inputs_(sizes_.inputs),
      targets_(sizes_.targets),
      gathered_(sizes_.gathered),
      feedback_(sizes_.output_of_problem),
      initial_output_(sizes_.output_of_problem),
      initial_hidden_(sizes_.initial_hidden),
      hidden_weight_(sizes_.hidden_weight),
      output_weight_(sizes_.output_weight),
      hidden_bias_(sizes_.hidden_bias),
      output_bias_(sizes_.output_bias),
      saved_hidden_weight_(sizes_.hidden_weight),
      saved_output_weight_(sizes_.output_weight),
      saved_hidden_bias_(sizes_.hidden_bias),
      saved_output_bias_(sizes_.output_bias),
      output_gradient_(sizes_.output_weight),
      hidden_(sizes_.hidden),
      seen_units_(sizes_.seen),
      signal_(sizes_.signal),
      predicted_(sizes_.predicted),
      error_(sizes_.predicted),
      gradients_(sizes_.gradients),
      gathered_counts_(sizes_.gathered_counts),
      hidden_halves_(sizes_.hidden_halves),
      signal_halves_(sizes_.signal_halves),
      hidden_factor_(sizes_.units),
      hidden_start_(sizes_.units),
      signal_factor_(sizes_.units),
      signal_sum_(sizes_.units),
      error_size_(sizes_.error_size),
      hidden_gradient_(sizes_.hidden_gradient),
      sample_history_(product({max_steps_a_chunk, static_cast<int>(runs.size()), layout_.batch_sums})),
      output_squares_(product({max_steps_a_chunk, static_cast<int>(runs.size()), layout_.output_sums / output_sums})),
      hidden_squares_(product({max_steps_a_chunk, static_cast<int>(runs.size()), layout_.hidden_squares})),
      observed_(sizes_.observed),
      signals_(sizes_.signals) {
  batch_.slots = static_cast<int>(runs.size());
  bind_pointers(dataset);
  parameters_.upload(std::span<const WeightRunParameters>(parameters_of(runs)), stream_);
  seeds_.upload(std::span<const std::int64_t>(seeds_of(problems)), stream_);
  hidden_bias_.clear(stream_);
  output_bias_.clear(stream_);
  for (const BatchRun& run : runs) {
    problem_of_.push_back(run.problem);
  }
  for (std::size_t position = 0; position < problems.size(); ++position) {
    upload_problem(position, *problems[position], runs);
    const RunSpec key{0, shape_.width, 0, activation, 0, problems[position]->seed};
    orders_.emplace_back(settings.training, settings.data, key);
  }
  if (shape_.has_counts) {
    bind_halves(*dataset);
    queue_split_hidden(batch_, 0, batch_.slots, stream_);
  }
  std::vector<int> all(runs.size());
  std::iota(all.begin(), all.end(), 0);
  set_active(all);
}

void WeightSpaceRuns::bind_pointers(const DeviceDataset* dataset) {
  const TrainingSettings& training = settings_.training;
  batch_.inputs = shape_.inputs;
  batch_.width = shape_.width;
  batch_.outputs = shape_.outputs;
  batch_.most_samples = most_samples(shape_);
  batch_.batch_samples = shape_.batch_samples;
  batch_.loss = static_cast<int>(training.loss);
  batch_.output_scale = static_cast<float>(output_scale(training.output_scale, shape_.width));
  batch_.dropout = training.dropout;
  batch_.has_biases = training.biases;
  batch_.decays_hidden = shape_.decays_hidden;
  batch_.takes_mean = training.reduction == Reduction::mean;
  batch_.parameters = parameters_.data();
  batch_.seeds = seeds_.data();
  batch_.active = active_.data();
  batch_.limits = limits_.data();
  batch_.first_step = first_step_.data();
  batch_.decays = decays_.data();
  const std::int64_t rows = shape_.samples + shape_.test_samples;
  batch_.inputs_of = dataset != nullptr ? dataset->inputs() : inputs_.data();
  batch_.targets_of = dataset != nullptr ? dataset->targets() : targets_.data();
  batch_.inputs_stride = dataset != nullptr ? 0 : rows * shape_.inputs;
  batch_.targets_stride = dataset != nullptr ? 0 : rows * shape_.outputs;
  batch_.feedback = feedback_.data();
  batch_.initial_output = initial_output_.data();
  batch_.hidden_weight = hidden_weight_.data();
  batch_.output_weight = output_weight_.data();
  batch_.hidden_bias = hidden_bias_.data();
  batch_.output_bias = output_bias_.data();
  batch_.gathered = gathered_.data();
  batch_.hidden = hidden_.data();
  batch_.seen = shape_.drops ? seen_units_.data() : hidden_.data();
  batch_.signal = signal_.data();
  batch_.predicted = predicted_.data();
  batch_.error = error_.data();
  batch_.output_gradient = output_gradient_.data();
}

void WeightSpaceRuns::bind_halves(const DeviceDataset& dataset) {
  batch_.padded_inputs = padded_halves(shape_.inputs);
  batch_.padded_width = padded_halves(shape_.width);
  batch_.counts_of = dataset.counts();
  batch_.input_scale = dataset.scale();
  batch_.input_shift = dataset.shift();
  batch_.gathered_counts = gathered_counts_.data();
  batch_.hidden_halves = hidden_halves_.data();
  batch_.hidden_factor = hidden_factor_.data();
  batch_.hidden_start = hidden_start_.data();
  batch_.signal_halves = signal_halves_.data();
  batch_.signal_factor = signal_factor_.data();
  batch_.signal_sum = signal_sum_.data();
  batch_.error_size = error_size_.data();
  batch_.hidden_gradient = hidden_gradient_.data();
}

void WeightSpaceRuns::upload_problem(std::size_t position, const Problem& problem, std::span<const BatchRun> runs) {
  if (problem.dataset == nullptr) {
    inputs_.upload(std::span<const float>(to_single(problem.x)), stream_, position * problem.x.size());
    targets_.upload(std::span<const float>(to_single(problem.y)), stream_, position * problem.y.size());
  }
  const std::vector<float> beta = to_single(problem.output_weight);
  feedback_.upload(std::span<const float>(to_single(problem.feedback)), stream_, position * beta.size());
  initial_output_.upload(std::span<const float>(beta), stream_, position * beta.size());
  for (std::size_t run = 0; run < runs.size(); ++run) {
    if (static_cast<std::size_t>(runs[run].problem) == position) {
      output_weight_.upload(std::span<const float>(beta), stream_, run * beta.size());
      if (!problem.hidden_bias.empty()) {
        const std::vector<float> hidden = to_single(problem.hidden_bias);
        const std::vector<float> output = to_single(problem.output_bias);
        hidden_bias_.upload(std::span<const float>(hidden), stream_, run * hidden.size());
        output_bias_.upload(std::span<const float>(output), stream_, run * output.size());
      }
    }
  }
  upload_hidden(position, problem, runs);
}

void WeightSpaceRuns::upload_hidden(std::size_t position, const Problem& problem, std::span<const BatchRun> runs) {
  const std::vector<float> w = to_single(problem.hidden_weight());
  if (initial_hidden_.size() > 0) {
    initial_hidden_.upload(std::span<const float>(w), stream_, position * w.size());
  }
  for (std::size_t run = 0; run < runs.size(); ++run) {
    if (static_cast<std::size_t>(runs[run].problem) == position) {
      hidden_weight_.upload(std::span<const float>(w), stream_, run * w.size());
    }
  }
}

void WeightSpaceRuns::set_active(std::span<const int> active) {
  active_.queue(active, stream_);
  active_runs_.assign(active.begin(), active.end());
  ranges_.clear();
  for (const int run : active) {
    const int problem = problem_of_[static_cast<std::size_t>(run)];
    const bool is_neighbour = !ranges_.empty() && ranges_.back().first + ranges_.back().count == run;
    if (is_neighbour && (shape_.has_counts || ranges_.back().problem == problem)) {
      ++ranges_.back().count;
    } else {
      ranges_.push_back({run, 1, problem});
    }
  }
}

int WeightSpaceRuns::batch_size(std::int64_t step) {
  return static_cast<int>(orders_[0].rows(step).size());
}

/// problem x samples.
std::vector<std::int32_t> WeightSpaceRuns::rows_of(std::int64_t step) {
  std::vector<std::int32_t> rows;
  for (BatchOrder& order : orders_) {
    const std::span<const std::int32_t> own = order.rows(step);
    rows.insert(rows.end(), own.begin(), own.end());
  }
  return rows;
}

void WeightSpaceRuns::advance(std::int64_t first, int count, std::span<const float> decays,
                              std::span<const std::int64_t> limits) {
  first_step_.queue(std::span<const std::int64_t>(&first, 1), stream_);
  decays_.queue(decays, stream_);
  limits_.queue(limits, stream_);
  chunk_samples_.clear();
  std::vector<std::int32_t> rows;
  std::vector<std::size_t> begins;
  for (int offset = 0; offset < count; ++offset) {
    chunk_samples_.push_back(batch_size(first + offset));
    begins.push_back(rows.size());
    if (shape_.takes_minibatches) {
      const std::vector<std::int32_t> own = rows_of(first + offset);
      rows.insert(rows.end(), own.begin(), own.end());
    }
  }
  rows_.queue(std::span<const std::int32_t>(rows), stream_);
  for (int offset = 0; offset < count; ++offset) {
    const auto i = static_cast<std::size_t>(offset);
    queue_step(batch_inputs(chunk_samples_[i], rows_.data() + begins[i], offset));
  }
}

/// Inputs of the batch of step *first_step + offset, gathered if it is not a whole set.
WeightSpaceRuns::PassInputs WeightSpaceRuns::batch_inputs(int samples, const std::int32_t* rows, int offset) {
  PassInputs of;
  of.pass.samples = samples;
  of.pass.offset = offset;
  of.pass.is_training = true;
  of.pass.rows = shape_.takes_minibatches ? rows : nullptr;
  if (shape_.has_counts) {
    const bool differs = gather_differs(shape_, static_cast<int>(orders_.size()));
    of.stride = differs ? std::int64_t{2} * shape_.batch_samples * batch_.padded_inputs : 0;
    queue_gather_counts(batch_, of.pass, of.stride, active_count(), stream_);
    return of;
  }
  of.inputs = batch_.inputs_of;
  of.stride = batch_.inputs_stride;
  if (shape_.takes_minibatches) {
    queue_gather(batch_, of.pass, static_cast<int>(orders_.size()), stream_);
    of.inputs = gathered_.data();
    of.stride = std::int64_t{shape_.batch_samples} * shape_.inputs;
  }
  return of;
}

void WeightSpaceRuns::queue_forward(const PassInputs& of) {
  const int p = shape_.width;
  const int k = shape_.outputs;
  const std::int64_t samples = batch_.most_samples;
  const bool sees_masks = of.pass.is_training && shape_.drops;
  for (const Range& range : ranges_) {
    queue_pre_activations(of, range);
  }
  queue_activate(activation_, batch_, of.pass, active_count(), stream_);
  const float* seen = sees_masks ? seen_units_.data() : hidden_.data();
  for (const Range& range : ranges_) {
    products_.queue(Product{.rows = k,
                            .columns = of.pass.samples,
                            .depth = p,
                            .a = output_weight_.data() + range.first * output_size(batch_),
                            .ld_a = k,
                            .stride_a = output_size(batch_),
                            .b = seen + range.first * samples * p,
                            .ld_b = p,
                            .stride_b = samples * p,
                            .c = predicted_.data() + range.first * samples * k,
                            .ld_c = k,
                            .stride_c = samples * k,
                            .count = range.count});
  }
  queue_errors(batch_, of.pass, active_count(), stream_);
}

/// X W^T of each run of the range; with counts, what activate() makes Z from.
void WeightSpaceRuns::queue_pre_activations(const PassInputs& of, const Range& range) {
  const int p = shape_.width;
  const int d = shape_.inputs;
  const std::int64_t units = std::int64_t{batch_.most_samples} * p;
  if (shape_.has_counts) {
    const int depth = 2 * batch_.padded_inputs;
    products_.queue(HalfProduct{.op_a = transposed,
                                .rows = p,
                                .columns = of.pass.samples,
                                .depth = depth,
                                .a = hidden_halves_.data() + std::int64_t{range.first} * p * depth / 2,
                                .ld_a = depth,
                                .stride_a = std::int64_t{p} * depth,
                                .b = gathered_counts_.data() + range.first * of.stride / 2,
                                .ld_b = depth,
                                .stride_b = of.stride,
                                .c = hidden_.data() + range.first * units,
                                .ld_c = p,
                                .stride_c = units,
                                .count = range.count});
    return;
  }
  products_.queue(Product{.op_a = transposed,
                          .rows = p,
                          .columns = of.pass.samples,
                          .depth = d,
                          .a = hidden_weight_.data() + range.first * hidden_size(batch_),
                          .ld_a = d,
                          .stride_a = hidden_size(batch_),
                          .b = of.inputs + range.problem * of.stride,
                          .ld_b = d,
                          .c = hidden_.data() + range.first * units,
                          .ld_c = p,
                          .stride_c = units,
                          .count = range.count});
}

/// One step, whose sums become part of the history.
void WeightSpaceRuns::queue_step(PassInputs of) {
  const std::int64_t place = std::int64_t{of.pass.offset} * batch_.slots;
  of.pass.sum_blocks = layout_.batch_sums / sample_sums;
  of.pass.sums = sample_history_.data() + place * layout_.batch_sums;
  queue_forward(of);
  queue_signal_of(batch_, of.pass, {}, active_count());
  const int p = shape_.width;
  const int k = shape_.outputs;
  const std::int64_t samples = batch_.most_samples;
  for (const Range& range : ranges_) {
    products_.queue(Product{.op_b = transposed,
                            .rows = k,
                            .columns = p,
                            .depth = of.pass.samples,
                            .a = error_.data() + range.first * samples * k,
                            .ld_a = k,
                            .stride_a = samples * k,
                            .b = batch_.seen + range.first * samples * p,
                            .ld_b = p,
                            .stride_b = samples * p,
                            .c = output_gradient_.data() + range.first * output_size(batch_),
                            .ld_c = k,
                            .stride_c = output_size(batch_),
                            .count = range.count});
  }
  queue_update_output(batch_, of.pass, output_squares_.data() + place * (layout_.output_sums / output_sums),
                      active_count(), stream_);
  if (batch_.has_biases) {
    queue_update_biases(batch_, of.pass, active_count(), stream_);
  }
  if (shape_.decays_hidden) {
    queue_decay_hidden(batch_, of.pass, hidden_squares_.data() + place * layout_.hidden_squares, active_count(),
                       stream_);
  }
  float* const into = shape_.has_counts ? hidden_gradient_.data() : hidden_weight_.data();
  for (const Range& range : ranges_) {
    queue_hidden_product(of, range, 1, into + range.first * hidden_size(batch_));
  }
  if (shape_.has_counts) {
    queue_update_hidden(batch_, of.pass, active_count(), stream_);
  }
}

void WeightSpaceRuns::queue_signal_of(const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use,
                                      int active) {
  const auto queue = shape_.has_counts ? queue_split_signal : queue_signal;
  queue(activation_, batch, pass, use, active, stream_);
}

/// into <- S^T X + beta into, of each run of the range; with counts, the product of signals and counts alone.
void WeightSpaceRuns::queue_hidden_product(const PassInputs& of, const Range& range, float beta, float* into) {
  const std::int64_t units = std::int64_t{batch_.most_samples} * shape_.width;
  if (shape_.has_counts) {
    // A sample's two rows of counts meet the high and the low half of its signals.
    const std::int64_t halves = std::int64_t{2} * shape_.batch_samples * batch_.padded_width;
    products_.queue(HalfProduct{.op_b = transposed,
                                .rows = shape_.inputs,
                                .columns = shape_.width,
                                .depth = 2 * of.pass.samples,
                                .a = gathered_counts_.data() + range.first * of.stride / 2,
                                .ld_a = batch_.padded_inputs,
                                .stride_a = of.stride,
                                .b = signal_halves_.data() + range.first * halves / 2,
                                .ld_b = batch_.padded_width,
                                .stride_b = halves,
                                .c = into,
                                .ld_c = shape_.inputs,
                                .stride_c = hidden_size(batch_),
                                .count = range.count});
    return;
  }
  products_.queue(Product{.op_b = transposed,
                          .rows = shape_.inputs,
                          .columns = shape_.width,
                          .depth = of.pass.samples,
                          .a = of.inputs + range.problem * of.stride,
                          .ld_a = shape_.inputs,
                          .b = signal_.data() + range.first * units,
                          .ld_b = shape_.width,
                          .stride_b = units,
                          .beta = beta,
                          .c = into,
                          .ld_c = shape_.inputs,
                          .stride_c = hidden_size(batch_),
                          .count = range.count});
}

std::vector<RunBatch::Seen> WeightSpaceRuns::seen(int count) const {
  const auto slots = static_cast<std::size_t>(batch_.slots);
  const std::size_t entries = static_cast<std::size_t>(count) * slots;
  const auto sample_values = static_cast<std::size_t>(layout_.batch_sums);
  const auto output_values = static_cast<std::size_t>(layout_.output_sums / output_sums);
  const auto hidden_values = static_cast<std::size_t>(layout_.hidden_squares);
  const std::vector<double> sums = sample_history_.download(stream_, 0, entries * sample_values);
  const std::vector<double> outputs = output_squares_.download(stream_, 0, entries * output_values);
  const std::vector<double> hidden = hidden_squares_.download(stream_, 0, entries * hidden_values);
  std::vector<Seen> seen(entries);
  for (std::size_t entry = 0; entry < entries; ++entry) {
    const int samples = chunk_samples_[entry / slots];
    const auto used = static_cast<std::size_t>(sample_sums * sample_blocks(samples));
    const auto totals = add_blocks<sample_sums>(std::span(sums).subspan(entry * sample_values, used));
    seen[entry].loss = totals[sample_loss] * loss_share(samples);
    seen[entry].decayed_square = add_blocks<1>(std::span(outputs).subspan(entry * output_values, output_values))[0] +
                                 add_blocks<1>(std::span(hidden).subspan(entry * hidden_values, hidden_values))[0];
  }
  return seen;
}

double WeightSpaceRuns::loss_share(int samples) const {
  return fasweep::loss_share(settings_.training.reduction, samples);
}

double* WeightSpaceRuns::observed(int ObservedLayout::*section) const {
  double* at = observed_.data();
  for (const auto before : observed_sections) {
    if (before == section) {
      break;
    }
    at += std::int64_t{batch_.slots} * (layout_.*before);
  }
  return at;
}

std::span<const double> WeightSpaceRuns::fetched(int ObservedLayout::*section, int run) const {
  const auto size = static_cast<std::size_t>(layout_.*section);
  const auto begin = static_cast<std::size_t>(observed(section) - observed_.data());
  return observed_.fetched().subspan(begin + static_cast<std::size_t>(run) * size, size);
}

void WeightSpaceRuns::observe(std::int64_t step) {
  first_step_.queue(std::span<const std::int64_t>(&step, 1), stream_);
  observed_samples_ = batch_size(step);
  if (shape_.takes_minibatches) {
    observed_rows_.queue(std::span<const std::int32_t>(rows_of(step)), stream_);
  }
  PassInputs of = batch_inputs(observed_samples_, observed_rows_.data(), 0);
  of.pass.sum_blocks = layout_.batch_sums / sample_sums;
  of.pass.sums = observed(&ObservedLayout::batch_sums);
  queue_forward(of);
  if (layout_.gradient_sums > 0) {
    queue_gradients(of);
  }
  if (signals_.size() > 0) {
    queue_signals();
  }
  queue_observe_output(batch_, observed(&ObservedLayout::output_sums), active_count(), stream_);
  if (layout_.hidden_changes > 0) {
    queue_observe_hidden(batch_, initial_hidden_.data(), observed(&ObservedLayout::hidden_changes), active_count(),
                         stream_);
  }
  if (shape_.decays_hidden) {
    SamplePass none;
    queue_decay_hidden(batch_, none, observed(&ObservedLayout::hidden_squares), active_count(), stream_);
  }
  queue_evaluation(0, shape_.samples, &ObservedLayout::training_sums);
  queue_evaluation(shape_.samples, shape_.test_samples, &ObservedLayout::test_sums);
  observed_done_.record(stream_);
  observed_done_.hold(copies_);
  observed_.queue(copies_);
  signals_.queue(copies_);
}

/// Evaluates `count` rows from first_row on, without dropout, some at a time; does nothing if no sums are wanted.
void WeightSpaceRuns::queue_evaluation(int first_row, int count, int ObservedLayout::*section) {
  if (layout_.*section == 0) {
    return;
  }
  PassInputs of;
  of.stride = batch_.inputs_stride;
  of.pass.sums = observed(section);
  of.pass.sum_blocks = layout_.*section / sample_sums;
  for (int done = 0; done < count; done += evaluated_rows) {
    of.pass.samples = std::min(evaluated_rows, count - done);
    of.pass.first_row = first_row + done;
    of.pass.first_sum_block = sample_blocks(done);
    if (shape_.has_counts) {
      queue_gather_counts(batch_, of.pass, 0, 1, stream_);
    } else {
      of.inputs = batch_.inputs_of + std::int64_t{of.pass.first_row} * shape_.inputs;
    }
    queue_forward(of);
  }
}

/// S(v) of each run's rule and S(beta), one run after the other, and their products.
void WeightSpaceRuns::queue_gradients(const PassInputs& of) {
  float* by_rule = gradients_.data();
  float* by_backprop = by_rule + hidden_size(batch_);
  for (std::size_t position = 0; position < active_runs_.size(); ++position) {
    const int run = active_runs_[position];
    const Range alone{run, 1, problem_of_[static_cast<std::size_t>(run)]};
    WeightSpaceBatch only = batch_;
    only.active += position;
    for (const auto& [rule, into] :
         {std::pair(-1, by_rule), std::pair(DeviceRules::index_of<Backprop>(), by_backprop)}) {
      queue_signal_of(only, of.pass, {false, rule}, 1);
      queue_hidden_product(of, alone, 0, into);
      if (shape_.has_counts) {
        queue_finish_gradient(only, into, 1, stream_);
      }
    }
    queue_compare_gradients(batch_, by_rule, by_backprop,
                            observed(&ObservedLayout::gradient_sums) + std::int64_t{run} * layout_.gradient_sums,
                            stream_);
  }
}

/// beta^T beta, b^T b, beta^T b and the batch's errors of each run, for observe_signals().
void WeightSpaceRuns::queue_signals() {
  const int k = shape_.outputs;
  const std::int64_t size = static_cast<std::int64_t>(signals_.size()) / batch_.slots;
  for (const int run : active_runs_) {
    float* grams = signals_.data() + run * size;
    const float* beta = output_weight_.data() + run * output_size(batch_);
    const float* b = feedback_.data() + problem_of_[static_cast<std::size_t>(run)] * output_size(batch_);
    for (const auto& [left, right] : {std::pair(beta, beta), std::pair(b, b), std::pair(beta, b)}) {
      products_.queue(Product{.op_b = transposed,
                              .rows = k,
                              .columns = k,
                              .depth = shape_.width,
                              .a = left,
                              .ld_a = k,
                              .b = right,
                              .ld_b = k,
                              .c = grams,
                              .ld_c = k});
      grams += std::int64_t{k} * k;
    }
    device_memory::copy(grams, error_.data() + std::int64_t{run} * batch_.most_samples * k,
                        sizeof(float) * product({observed_samples_, k}), stream_);
  }
}

std::vector<Observation> WeightSpaceRuns::observations() {
  copies_.synchronize();
  std::vector<Observation> observations(static_cast<std::size_t>(batch_.slots));
  for (const int run : active_runs_) {
    Observation& o = observations[static_cast<std::size_t>(run)];
    observe_samples(run, o);
    observe_weights(run, o);
  }
  return observations;
}

void WeightSpaceRuns::observe_samples(int run, Observation& o) const {
  const Targets targets = settings_.data.targets;
  const auto used = static_cast<std::size_t>(sample_sums * sample_blocks(observed_samples_));
  const auto batch = add_blocks<sample_sums>(fetched(&ObservedLayout::batch_sums, run).first(used));
  o.batch_loss = batch[sample_loss] * loss_share(observed_samples_);
  if ((shape_.traits & sees_training_set) != 0) {
    const auto sums =
        batch_is_training_set(shape_) ? batch : add_blocks<sample_sums>(fetched(&ObservedLayout::training_sums, run));
    o.loss = sums[sample_loss] * loss_share(shape_.samples);
    o.squared_error = sums[sample_squared_error];
    o.accuracy = accuracy(targets, sums[sample_correct], shape_.samples);
  }
  if (layout_.test_sums > 0) {
    const auto sums = add_blocks<sample_sums>(fetched(&ObservedLayout::test_sums, run));
    o.test_loss = sums[sample_loss] * loss_share(shape_.test_samples);
    o.test_accuracy = accuracy(targets, sums[sample_correct], shape_.test_samples);
  }
  if (signals_.size() > 0) {
    const std::size_t size = signals_.size() / static_cast<std::size_t>(batch_.slots);
    const std::span<const float> single = signals_.fetched().subspan(static_cast<std::size_t>(run) * size, size);
    const std::vector<double> numbers(single.begin(), single.end());
    const std::size_t gram = product({shape_.outputs, shape_.outputs});
    const std::span<const double> all(numbers);
    observe_signals({all.first(gram), all.subspan(gram, gram), all.subspan(2 * gram, gram)},
                    all.subspan(3 * gram, product({observed_samples_, shape_.outputs})), o);
  }
}

void WeightSpaceRuns::observe_weights(int run, Observation& o) const {
  const auto output = add_blocks<output_sums>(fetched(&ObservedLayout::output_sums, run), true);
  o.output_square = output[output_square];
  o.feedback_square = output[feedback_square];
  o.feedback_dot_output = output[feedback_dot_output];
  o.max_output_change = output[max_output_change];
  o.decayed_square = o.output_square + add_blocks<1>(fetched(&ObservedLayout::hidden_squares, run))[0];
  for (const double change : fetched(&ObservedLayout::hidden_changes, run)) {
    o.hidden_change_square += change;
    o.max_hidden_change = std::max(o.max_hidden_change, std::sqrt(change));
  }
  const auto gradient = add_blocks<gradient_sums>(fetched(&ObservedLayout::gradient_sums, run));
  o.rule_gradient_square = gradient[rule_gradient_square];
  o.backprop_gradient_square = gradient[backprop_gradient_square];
  o.gradient_dot = gradient[gradient_dot];
}

std::vector<WeightSpaceRuns::Part> WeightSpaceRuns::parts() {
  return {{hidden_weight_, saved_hidden_weight_, static_cast<std::size_t>(hidden_size(batch_))},
          {output_weight_, saved_output_weight_, static_cast<std::size_t>(output_size(batch_))},
          {hidden_bias_, saved_hidden_bias_, static_cast<std::size_t>(shape_.width)},
          {output_bias_, saved_output_bias_, static_cast<std::size_t>(shape_.outputs)}};
}

void WeightSpaceRuns::save() {
  for (const Part& part : parts()) {
    part.saved.copy_from(part.now, stream_, 0, part.now.size());
  }
}

void WeightSpaceRuns::restore(int run) {
  for (const Part& part : parts()) {
    part.now.copy_from(part.saved, stream_, static_cast<std::size_t>(run) * part.size, part.size);
  }
  split_again(run);
}

/// After W was changed by others than its steps.
void WeightSpaceRuns::split_again(int run) {
  if (shape_.has_counts) {
    queue_split_hidden(batch_, run, 1, stream_);
  }
}

std::unique_ptr<NetworkReader> WeightSpaceRuns::copy_network(int run, const Problem& problem) const {
  const auto part = [&](const DeviceBuffer<float>& now, std::int64_t size) {
    return now.download(stream_, static_cast<std::size_t>(run * size), static_cast<std::size_t>(size));
  };
  return std::make_unique<WeightSpaceCopy>(problem, part(hidden_weight_, hidden_size(batch_)),
                                           part(output_weight_, output_size(batch_)), part(hidden_bias_, shape_.width),
                                           part(output_bias_, shape_.outputs));
}

void WeightSpaceRuns::write(int run, ByteWriter& out) {
  for (const Part& part : parts()) {
    const std::vector<float> numbers = part.now.download(stream_, static_cast<std::size_t>(run) * part.size, part.size);
    out.put_array(std::span<const float>(numbers));
  }
}

void WeightSpaceRuns::read(int run, ByteReader& in) {
  for (const Part& part : parts()) {
    part.now.upload(std::span<const float>(get_finite<float>(in, part.size)), stream_,
                    static_cast<std::size_t>(run) * part.size);
  }
  split_again(run);
}

}  // namespace fasweep
