#include "backend/cuda/selftest.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <iomanip>
#include <limits>
#include <numeric>
#include <sstream>

#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/input_counts.hpp"
#include "backend/cuda/resident_plan.hpp"
#include "backend/cuda/resident_runs.hpp"
#include "backend/cuda/sample_space_runs.hpp"
#include "backend/cuda/selftest_checksums.hpp"
#include "backend/cuda/weight_space_runs.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/random.hpp"
#include "model/rule/list.hpp"
#include "model/stop/list.hpp"
#include "util/stopwatch.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr int inputs = 16;
constexpr double step_size = 0.02;
constexpr double ridge = 0.5;

struct Shape {
  int samples = 0;
  int tests = 0;
  int width = 0;
  int steps = 0;
};

// Below, at and above a tile of units, a pass of rows and a panel of columns; two tiles a block; more than one chunk.
constexpr std::array<Shape, 5> shapes{
    {{1, 0, 1, 3}, {31, 5, 65, 130}, {50, 0, 200, 3}, {97, 3, 2100, 2}, {256, 0, 100, 2}}};

std::string_view activation_name(int activation) {
  return Activations::names[static_cast<std::size_t>(activation)];
}

/// A problem with the same bits on every machine (make_problem sums the teacher's outputs in the compiler's order).
Problem exact_problem(const Shape& shape, std::int64_t seed) {
  const auto normals = [&](Purpose purpose, int rows, int columns) {
    std::vector<double> values(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
    RandomStream{seed, shape.width, purpose}.fill_normal(values);
    return values;
  };
  const int rows = shape.samples + shape.tests;
  Problem problem;
  problem.samples = shape.samples;
  problem.test_samples = shape.tests;
  problem.inputs = inputs;
  problem.width = shape.width;
  problem.seed = seed;
  problem.x = normals(Purpose::inputs, rows, inputs);
  for (double& x : problem.x) {
    x /= 4;  // N(0, 1/d), exactly
  }
  problem.y = normals(Purpose::label_noise, rows, 1);
  problem.output_weight = normals(Purpose::output_weight, shape.width, 1);
  problem.feedback = normals(Purpose::feedback, shape.width, 1);
  return problem;
}

template <class T>
std::uint64_t hash_numbers(const std::vector<T>& numbers, std::uint64_t start) {
  std::string bytes(numbers.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return stable_hash(bytes, start);
}

std::uint64_t hash_observation(const Observation& o, std::uint64_t start) {
  return hash_numbers<double>(
      {o.squared_error, o.output_square, o.feedback_square, o.feedback_dot_output, o.max_output_change,
       o.hidden_change_square, o.max_hidden_change, o.rule_gradient_square, o.backprop_gradient_square, o.gradient_dot},
      start);
}

std::vector<float> constant_decays(int steps, std::size_t runs) {
  return std::vector<float>(static_cast<std::size_t>(steps) * runs, static_cast<float>(1 - step_size * ridge));
}

/// Trains a batch that mixes two problems and every rule, and observes it.
/// Rules whose runs share a checksum: the first two, or another by itself, so that a new rule changes no checksum.
std::vector<int> rules_of(std::string_view rule) {
  return rule.empty() ? std::vector{Rules::index_of<FeedbackAlignment>(), Rules::index_of<Backprop>()}
                      : std::vector{*Rules::find(rule)};
}

/// The names of the further rules that the kernels compute, and of the first two together, which is empty.
std::vector<std::string_view> checked_rules() {
  std::vector<std::string_view> rules{""};
  for (const std::string_view name : DeviceRules::names) {
    const int rule = *Rules::find(name);
    const std::vector<int> first = rules_of("");
    if (std::find(first.begin(), first.end(), rule) == first.end()) {
      rules.push_back(name);
    }
  }
  return rules;
}

KernelChecksum train_for_checksum(int activation, int shape_number, std::string_view rule) {
  const Shape& shape = shapes[static_cast<std::size_t>(shape_number)];
  const std::array problems{exact_problem(shape, 0), exact_problem(shape, 1)};
  std::vector<BatchRun> runs;
  for (const int trained : rules_of(rule)) {
    runs.push_back({0, trained, step_size});
    runs.push_back({1, trained, step_size});
  }
  Stream stream;
  SampleSpaceRuns batch(stream, activation, std::array{&problems[0], &problems[1]}, runs);
  KernelChecksum sums{activation_name(activation), shape_number, stable_hash_start, stable_hash_start, rule};
  const std::vector<std::int64_t> limits(runs.size(), shape.steps);
  for (int first = 0; first < shape.steps; first += max_steps_a_chunk) {
    const int count = std::min(shape.steps - first, max_steps_a_chunk);
    batch.advance(first, count, constant_decays(count, runs.size()), limits);
    for (const RunBatch::Seen& seen : batch.seen(count)) {
      sums.train_step = hash_numbers<double>({2 * seen.loss, seen.decayed_square}, sums.train_step);
    }
  }
  batch.observe(shape.steps);
  const std::vector<Observation> observations = batch.observations();
  for (std::size_t run = 0; run < runs.size(); ++run) {
    sums.train_step = hash_numbers(batch.state(static_cast<int>(run)), sums.train_step);
    sums.observe = hash_observation(observations[run], sums.observe);
  }
  return sums;
}

std::string shape_text(const Shape& shape) {
  return "n = " + std::to_string(shape.samples) + " + " + std::to_string(shape.tests) +
         ", p = " + std::to_string(shape.width);
}

std::string checksum_text(const KernelChecksum& sums) {
  return "train_step " + format_hash(sums.train_step) + ", observe " + format_hash(sums.observe);
}

SelfTestLine check_bits(int activation, int shape_number, std::string_view rule) {
  const KernelChecksum ours = train_for_checksum(activation, shape_number, rule);
  const std::string name = "bits of " + std::string(ours.activation) + ", " + std::string(rule) +
                           (rule.empty() ? "" : ", ") + shape_text(shapes[static_cast<std::size_t>(shape_number)]) +
                           ": " + checksum_text(ours);
  const auto* known = std::find_if(kernel_checksums.begin(), kernel_checksums.end(), [&](const KernelChecksum& k) {
    return k.activation == ours.activation && k.shape == ours.shape && k.rule == ours.rule;
  });
  if (known == kernel_checksums.end()) {
    return {false, name + " (no checksums to compare with in selftest_checksums.hpp)"};
  }
  if (known->train_step != ours.train_step || known->observe != ours.observe) {
    return {false, name + "; the emulation gave " + checksum_text(*known)};
  }
  return {true, name + ", as in emulation"};
}

/// Largest difference of two records' trajectories, each metric relative to its largest value.
double trajectory_distance(const RunRecord& ours, const RunRecord& expected) {
  if (ours.points != expected.points || ours.steps != expected.steps) {
    return std::numeric_limits<double>::infinity();
  }
  double worst = 0;
  const std::size_t points = expected.points;
  for (std::size_t first = 0; first < expected.trajectory.size(); first += points) {
    double difference = 0;
    double largest = std::numeric_limits<double>::min();
    for (std::size_t i = first; i < first + points; ++i) {
      const double d = std::abs(ours.trajectory[i] - expected.trajectory[i]);
      const bool both_absent = std::isnan(ours.trajectory[i]) && std::isnan(expected.trajectory[i]);
      difference = both_absent || d <= difference ? difference : d;  // NaN on one side only stays
      largest = std::max(largest, std::abs(expected.trajectory[i]));
    }
    const double relative = difference / largest;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

/// What the comparison with the CPU trains: every rule with and without ridge.
struct Comparison {
  Solver solver;
  Shape shape;
  DataSettings data;
  TrainingSettings training;
  RecordSettings record;
  std::vector<RunSpec> runs;
  std::atomic<bool> cancelled = false;

  Comparison(Solver wanted, Shape sizes, int activation, unsigned traits_left_out) : solver(wanted), shape(sizes) {
    data.samples = shape.samples;
    data.test_samples = shape.tests;
    data.inputs = inputs;
    training.max_steps = shape.steps;
    record.steps = {0, 1, 10, shape.steps / 2, shape.steps};
    for (int metric = 0; metric < Metrics::size; ++metric) {
      if ((traits_of(metric) & (traits_left_out | sees_snapshot)) == 0) {
        record.metrics.push_back(metric);
      }
    }
    for (int rule = 0; rule < Rules::size; ++rule) {
      if (!device_takes_rule(rule)) {
        continue;
      }
      for (const double lambda : {0.0, ridge}) {
        runs.push_back({static_cast<std::int64_t>(runs.size()), shape.width, lambda, activation, rule, 0, step_size});
      }
    }
  }

  [[nodiscard]] std::vector<RunRecord> train(Trainer& trainer, const Problem& problem, Solver by, Precision precision) {
    training.precision = precision;
    return trainer.train({problem, data, training, record, runs, by, cancelled});
  }
};

/// One output, full batch; metrics that mean nothing there left out.
struct RegressionInSampleSpace : Comparison {
  explicit RegressionInSampleSpace(int activation)
      : Comparison(Solver::sample_space, {50, 3, 200, 200}, activation,
                   for_classes | for_random_steps | for_several_outputs) {}
  [[nodiscard]] Problem problem() const { return exact_problem(shape, 0); }
};

/// Classes, minibatches the last of which is smaller, dropout, biases, every weight decayed.
struct ClassesInWeightSpace : Comparison {
  explicit ClassesInWeightSpace(int activation)
      : Comparison(Solver::weight_space, {50, 7, 201, 60}, activation, plain) {
    data.outputs = 3;
    data.targets = Targets::classes;
    training.loss = LossFunction::cross_entropy;
    training.reduction = Reduction::mean;
    training.batch_size = 16;
    training.dropout = 0.2;
    training.biases = true;
    training.decay = Decay::all;
  }
  [[nodiscard]] Problem problem() const {
    Problem problem = make_problem(data, {0, shape.width, runs[0].activation});
    for (std::size_t i = 0; i < problem.y.size(); ++i) {
      problem.y[i] = i / 3 % 3 == i % 3 ? 1 : 0;
    }
    return problem;
  }
};

/// Rows of whole numbers below 256, three of four of them 0, with classes in turn and the normalisation of pixels.
Dataset pixel_set(int samples, int tests, int pixels, int classes) {
  Dataset set;
  set.samples = samples;
  set.test_samples = tests;
  set.inputs = pixels;
  set.outputs = classes;
  set.is_classes = true;
  const std::size_t rows = static_cast<std::size_t>(samples) + static_cast<std::size_t>(tests);
  std::vector<double> uniform(rows * static_cast<std::size_t>(pixels));
  RandomStream{0, pixels, Purpose::inputs}.fill_uniform(uniform);
  std::vector<double> y(rows * static_cast<std::size_t>(classes));
  GrowingRows raw;
  for (std::size_t row = 0; row < rows; ++row) {
    for (int j = 0; j < pixels; ++j) {
      const double u = uniform[row * static_cast<std::size_t>(pixels) + static_cast<std::size_t>(j)];
      if (u > 0.75) {
        raw.add(j, std::ceil((u - 0.75) * 4 * 255));
      }
    }
    raw.end_row();
    y[row * static_cast<std::size_t>(classes) + row % static_cast<std::size_t>(classes)] = 1;
  }
  raw.move_to(set);
  set.y = std::move(y);
  set.scale = std::vector<double>(static_cast<std::size_t>(pixels), 1.0 / 74);
  set.shift = std::vector<double>(static_cast<std::size_t>(pixels), 32.0 / 74);
  return set;
}

/// The same networks on pixels, which the fast kernels multiply in 16 bits.
struct PixelsInWeightSpace : ClassesInWeightSpace {
  explicit PixelsInWeightSpace(int activation) : ClassesInWeightSpace(activation), set(pixel_set(50, 7, inputs, 3)) {
    data.source = DataSource::mnist;
  }
  [[nodiscard]] Problem problem() const {
    return make_problem(data, {0, shape.width, runs[0].activation}, training, &set);
  }
  Dataset set;
};

/// Stands behind the CUDA trainer, so that nothing of the comparison is trained elsewhere.
class NoTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& /*request*/) override {
    throw DeviceError("the device cannot train the self-test (too little free memory); free it");
  }
};

/// tolerance: of the largest value of each metric.
template <class Case>
SelfTestLine check_numbers(int activation, double tolerance, Trainer& ours, Trainer& reference) {
  Case comparison(activation);
  const Problem problem = comparison.problem();
  const auto expected = comparison.train(reference, problem, Solver::weight_space, Precision::float64);
  const auto records = comparison.train(ours, problem, comparison.solver, Precision::float32);
  double worst = 0;
  for (std::size_t run = 0; run < records.size(); ++run) {
    const double distance = trajectory_distance(records[run], expected[run]);
    worst = distance <= worst ? worst : distance;
  }
  std::ostringstream text;
  text << "numbers of " << activation_name(activation) << " in " << name_of(comparison.solver) << ", "
       << (problem.dataset != nullptr ? "pixels, " : "") << shape_text(comparison.shape) << ", "
       << comparison.shape.steps << " steps: every metric within " << std::setprecision(2) << worst
       << " of the CPU's (of its largest value; " << tolerance << " allowed)";
  return {worst <= tolerance, text.str()};
}

/// As many runs as fill the device and fit into it.
int runs_for_rate(const Shape& shape, int multiprocessors) {
  const int wanted = runs_to_fill(multiprocessors * blocks_a_multiprocessor, shape.width);
  const BatchShape batch{shape.samples, shape.samples + shape.tests, shape.width};
  return std::max(1, runs_that_fit(free_device_memory(), batch, wanted));
}

/// Steps a second of a batch of `runs`: longer and longer chunks until they took half a second together; the last one
/// counts.
double measure_rate(RunBatch& batch, std::size_t runs, Stream& stream) {
  constexpr double enough_s = 0.5;
  const std::vector<std::int64_t> no_limit(runs, std::numeric_limits<std::int64_t>::max());
  Event begin;
  Event end;
  int count = 1;
  double seconds = 0;
  double total = 0;
  for (std::int64_t step = 0; total < enough_s; step += count) {
    count = static_cast<int>(std::min<std::int64_t>(step + 1, batch.chunk_steps()));
    begin.record(stream);
    batch.advance(step, count, constant_decays(count, runs), no_limit);
    end.record(stream);
    seconds = end.seconds_since(begin);
    total += seconds;
  }
  return count / seconds;
}

SelfTestLine measure_sample_space(int activation, int multiprocessors, bool is_only_rate) {
  constexpr Shape shape{50, 0, 3200, 0};
  const Problem problem = exact_problem(shape, 0);
  const auto runs = static_cast<std::size_t>(runs_for_rate(shape, multiprocessors));
  Stream stream;
  SampleSpaceRuns batch(stream, activation, std::array{&problem}, std::vector<BatchRun>(runs, BatchRun{0, 0, 1e-4}));
  const double rate = measure_rate(batch, runs, stream);
  const double flop = 2.0 * shape.samples * shape.samples * shape.width;  // of the product K M alone
  std::ostringstream text;
  text << "rate of " << activation_name(activation) << ", " << shape_text(shape) << ": " << std::setprecision(3) << runs
       << " runs x " << rate << " steps/s, " << flop * static_cast<double>(runs) * rate / 1e9
       << " Gflop/s (2 n^2 p a step)";
  SelfTestLine line{std::isfinite(rate), text.str()};
  if (is_only_rate) {
    line.rate = MeasuredRate{
        Solver::sample_space, activation, {shape.samples, shape.width}, 1 / rate / static_cast<double>(runs)};
  }
  return line;
}

/// Whether runs of 50 samples stay on chip there.
bool has_resident_kernel(const DeviceInfo& info, int width = 1) {
  return measure_resident({50, 53, width}, info.shared_bytes_a_block, info.compute_capability).has_value();
}

/// The resident kernel with as many runs as the device holds at once, without records.
SelfTestLine measure_on_chip(int activation, int width, const DeviceInfo& info) {
  const Shape shape{50, 0, width, 0};
  constexpr std::int64_t steps = 2048;
  std::optional<ResidentBatch> sizes =
      measure_resident({shape.samples, shape.samples, width}, info.shared_bytes_a_block, info.compute_capability);
  sizes->clusters = 1;
  sizes->clusters = count_resident_clusters(activation, *sizes);
  const ResidentStart start(exact_problem(shape, 0), sizes->depth_tiles, sizes->column_tiles);
  TrainingSettings training;
  training.max_steps = 100 * steps;
  training.stop = NeverStop{};
  const std::vector<ResidentRun> runs(static_cast<std::size_t>(sizes->clusters),
                                      {1e-4, ridge, training.max_steps, StopReason::max_steps, 0, 0});
  std::vector<int> all(runs.size());
  std::iota(all.begin(), all.end(), 0);
  Stream stream;
  ResidentRuns batch(stream, activation, *sizes, training, {}, std::span(&start, 1), runs);
  batch.train(all, steps);
  std::array<double, 3> seconds{};
  for (double& s : seconds) {
    const Stopwatch stopwatch;
    batch.train(all, steps);
    s = stopwatch.seconds();
  }
  std::sort(seconds.begin(), seconds.end());
  const double each = seconds[1] / static_cast<double>(steps) / static_cast<double>(runs.size());
  std::ostringstream text;
  text << "rate of " << activation_name(activation) << " on chip, " << shape_text(shape) << ": " << runs.size()
       << " runs at once of " << sizes->blocks << " blocks of " << sizes->warps << " warps, " << std::setprecision(3)
       << each * 1e6 << " us a step and run, " << 2.0 * shape.samples * shape.samples * width / each / 1e9
       << " Gflop/s (2 n^2 p a step)";
  return {batch.progress()[0].reason == StopReason::none,
          text.str(),
          {},
          MeasuredRate{Solver::sample_space, activation, {shape.samples, width}, each}};
}

/// Networks of the paper's Figure 3, on its batches, of two seeds.
SelfTestLine measure_networks(int multiprocessors, GpuArithmetic arithmetic, bool is_rate) {
  constexpr int width = 1000;
  const Dataset set = pixel_set(1800, 0, 784, 10);
  DataSettings data;
  data.source = DataSource::mnist;
  data.samples = set.samples;
  data.inputs = set.inputs;
  data.outputs = set.outputs;
  data.targets = Targets::classes;
  TrainingSettings training;
  training.loss = LossFunction::cross_entropy;
  training.reduction = Reduction::mean;
  training.batch_size = 600;
  const RecordSettings record{{0}, {Metrics::index_of<AlignmentMetric>()}};
  const std::atomic<bool> cancelled = false;
  const int relu = Activations::index_of<Relu>();
  const std::array problems{make_problem(data, {0, width, relu}, training, &set),
                            make_problem(data, {1, width, relu}, training, &set)};
  Stream stream;
  const bool is_fast = arithmetic == GpuArithmetic::fast;
  const DeviceDataset dataset(set, is_fast ? find_input_unit(set) : std::nullopt, stream);
  const WeightSpaceShape sizes = weight_space_shape(data, training, record.metrics, width, dataset.has_counts());
  const int fitting = runs_that_fit(free_device_memory(), sizes, runs_to_fill(multiprocessors, sizes));
  std::vector<BatchRun> runs;
  for (int run = 0; run < std::max(2, fitting); ++run) {
    runs.push_back({2 * run / std::max(2, fitting), 0, 1e-3});
  }
  const TrainingRequest settings{problems[0], data, training, record, {}, Solver::weight_space, cancelled};
  WeightSpaceRuns batch(stream, settings, relu, std::array{&problems[0], &problems[1]}, runs, &dataset);
  const double each = 1 / measure_rate(batch, runs.size(), stream) / static_cast<double>(runs.size());
  const double flop = 4.0 * training.batch_size * width * set.inputs;  // of the two large products alone
  std::ostringstream text;
  text << "rate of 784-1000-10, relu, pixels, batch 600, " << gpu_arithmetic_names[is_fast ? 0 : 1] << ": "
       << std::setprecision(3) << runs.size() << " runs, " << each * 1e6 << " us a step and run, " << flop / each / 1e9
       << " Gflop/s (4 n d p a step)";
  SelfTestLine line{std::isfinite(each), text.str()};
  if (is_rate) {
    line.rate = MeasuredRate{Solver::weight_space, relu, step_shape(data, training, width), each};
  }
  return line;
}

}  // namespace

std::vector<KernelChecksum> make_kernel_checksums() {
  std::vector<KernelChecksum> all;
  for (const std::string_view rule : checked_rules()) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int shape = 0; shape < static_cast<int>(shapes.size()); ++shape) {
        all.push_back(train_for_checksum(activation, shape, rule));
      }
    }
  }
  return all;
}

void check_kernel_bits(const SelfTestReport& report) {
  for (const std::string_view rule : checked_rules()) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int shape = 0; shape < static_cast<int>(shapes.size()); ++shape) {
        report(check_bits(activation, shape, rule));
      }
    }
  }
}

void check_kernel_numbers(int device, std::span<const int> activations, Trainer& reference,
                          const SelfTestReport& report) {
  const DeviceInfo info = describe_device(device);
  for (const GpuArithmetic arithmetic : {GpuArithmetic::exact, GpuArithmetic::fast}) {
    if (arithmetic == GpuArithmetic::fast && !has_resident_kernel(info)) {
      continue;
    }
    const std::unique_ptr<Trainer> ours = make_cuda_trainer(device, std::make_unique<NoTrainer>(), arithmetic);
    for (const int activation : activations) {
      // 200 float32 steps round by 6e-8 each, 1e-5 together if none cancels; three times that for the products within a
      // step.
      SelfTestLine line = check_numbers<RegressionInSampleSpace>(activation, 3e-5, *ours, reference);
      line.text = std::string(gpu_arithmetic_names[static_cast<std::size_t>(arithmetic)]) + " " + line.text;
      report(line);
    }
  }
  const std::unique_ptr<Trainer> ours = make_cuda_trainer(device, std::make_unique<NoTrainer>());
  if (const std::string missing = why_no_products(); !missing.empty()) {
    report({false, "numbers in weight-space are not compared: " + missing});
    return;
  }
  for (const int activation : activations) {
    if (derivative_needs_input(activation)) {
      continue;  // not trained there (choose_device_solver)
    }
    // A library's sums, in an order of its own, of up to 201 terms, and cosines of small differences.
    report(check_numbers<ClassesInWeightSpace>(activation, 1e-4, *ours, reference));
    report(check_numbers<PixelsInWeightSpace>(activation, 1e-4, *ours, reference));
  }
}

void run_selftest(int device, Trainer& reference, const SelfTestReport& report) {
  select_device(device);
  const DeviceInfo info = describe_device(device);
  report({true,
          "device " + std::to_string(device) + ": " + info.name + ", " + std::to_string(info.multiprocessors) +
              " multiprocessors, " + info.uuid + ", PCI " + info.pci_id,
          DeviceProfile{info.name, info.shared_bytes_a_block, {}}});
  if (kernels_are_exact()) {
    check_kernel_bits(report);
  } else {
    report({true, "bits are not compared (this program was built with FASWEEP_CUDA_EXACT=OFF)"});
  }
  std::array<int, Activations::size> activations{};
  std::iota(activations.begin(), activations.end(), 0);
  check_kernel_numbers(device, activations, reference, report);
  for (int activation = 0; activation < Activations::size; ++activation) {
    report(measure_sample_space(activation, info.multiprocessors, !has_resident_kernel(info)));
  }
  for (const int width : {200, 800, 3200, 12800}) {
    for (const int activation : {Activations::index_of<Relu>(), Activations::index_of<Tanh>()}) {
      if (has_resident_kernel(info, width)) {
        report(measure_on_chip(activation, width, info));
      }
    }
  }
  if (why_no_products().empty()) {
    const bool has_halves = info.compute_capability >= least_half_capability;
    report(measure_networks(info.multiprocessors, GpuArithmetic::exact, !has_halves));
    if (has_halves) {
      report(measure_networks(info.multiprocessors, GpuArithmetic::fast, true));
    }
  }
}

}  // namespace fasweep
