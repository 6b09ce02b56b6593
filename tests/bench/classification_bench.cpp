// Milliseconds a step of a classification network on inputs as sparse as MNIST's, and of the same step on dense inputs.
// Questions: what do the inputs' zeros save, and up to which density? usage: classification_bench [steps
// [densities...]]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/cpu/cpu_trainer.hpp"
#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/random.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

constexpr int inputs = 784;
constexpr int classes = 10;
constexpr int width = 1000;
constexpr int batch = 600;
constexpr int samples = 6000;
constexpr double mnist_mean = 0.1307;
constexpr double mnist_deviation = 0.3081;

/// Uniform grey values at random places, normalised with the mean and deviation of MNIST's pixels.
Dataset make_dataset(double density) {
  Dataset set;
  set.samples = samples;
  set.inputs = inputs;
  set.outputs = classes;
  set.is_classes = true;
  set.scale = std::vector<double>(inputs, 1 / mnist_deviation);
  set.shift = std::vector<double>(inputs, mnist_mean / mnist_deviation);
  GrowingRows rows;
  std::vector<double> y;
  std::vector<double> uniform(2 * inputs);
  for (int i = 0; i < samples; ++i) {
    RandomStream{i, 1, Purpose::inputs}.fill_uniform(uniform);
    for (int j = 0; j < inputs; ++j) {
      if (uniform[static_cast<std::size_t>(2 * j)] < density) {
        rows.add(j, uniform[static_cast<std::size_t>(2 * j + 1)]);
      }
    }
    rows.end_row();
    for (int c = 0; c < classes; ++c) {
      y.push_back(c == i % classes ? 1 : 0);
    }
  }
  rows.move_to(set);
  set.y = std::move(y);
  return set;
}

/// Seconds of `steps` steps after set-up, as the record says.
double train(const Dataset& set, std::int64_t steps) {
  DataSettings data;
  data.samples = samples;
  data.inputs = inputs;
  data.outputs = classes;
  data.targets = Targets::classes;
  TrainingSettings training;
  training.max_steps = steps;
  training.loss = LossFunction::cross_entropy;
  training.reduction = Reduction::mean;
  training.batch_size = batch;
  training.initial_weights = GaussianScaledLaw{};
  const RunSpec run{0, width, 0.1, Activations::index_of<Relu>(), Rules::index_of<FeedbackAlignment>(), 0, 1e-2};
  const Problem problem = make_problem(data, {0, width, run.activation}, training, &set);
  const RecordSettings record{{0, steps}, {Metrics::index_of<BatchLossMetric>()}};
  const std::atomic<bool> cancelled = false;
  const TrainingRequest request{problem, data, training, record, {&run, 1}, Solver::automatic, cancelled};
  return make_cpu_trainer()->train(request).at(0).wall_s;
}

}  // namespace
}  // namespace fasweep

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 20;
  if (steps < 1) {
    std::fprintf(stderr, "usage: classification_bench [steps, at least 1 [densities, 0..1 ...]]\n");
    return 2;
  }
  std::vector<double> densities;
  for (int i = 2; i < argc; ++i) {
    densities.push_back(std::atof(argv[i]));
  }
  if (densities.empty()) {
    densities = {0.19, 1.0};
  }
  for (const double density : densities) {
    const fasweep::Dataset set = fasweep::make_dataset(density);
    static_cast<void>(fasweep::train(set, 1));  // touches the memory
    std::printf("density %.2f: %.3f ms a step\n", density, fasweep::train(set, steps) / steps * 1e3);
    std::fflush(stdout);
  }
  return 0;
}
