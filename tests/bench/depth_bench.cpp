// Processor milliseconds a step of a classification network of several hidden layers on inputs as sparse as MNIST's.
// Question: what does a step of the layered solver cost? usage: depth_bench RULE DEPTH WIDTH BATCH STEPS
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "backend/cpu/cpu_trainer.hpp"
#include "images.hpp"
#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

double processor_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

/// Of `steps` steps, with set-up.
double train(const Dataset& set, int rule, int depth, int width, int batch, std::int64_t steps) {
  DataSettings data;
  data.samples = bench::images;
  data.inputs = bench::image_inputs;
  data.outputs = bench::image_classes;
  data.targets = Targets::classes;
  TrainingSettings training;
  training.max_steps = steps;
  training.loss = LossFunction::cross_entropy;
  training.reduction = Reduction::mean;
  training.batch_size = batch;
  training.initial_weights = GaussianScaledLaw{};
  training.depth = depth;
  const RunSpec run{0, width, 0.1, Activations::index_of<Relu>(), rule, 0, 1e-2};
  const Problem problem = make_problem(data, {0, width, run.activation}, training, &set);
  const RecordSettings record{{0, steps}, {Metrics::index_of<BatchLossMetric>()}};
  const std::atomic<bool> cancelled = false;
  const TrainingRequest request{problem, data, training, record, {&run, 1}, Solver::layered, cancelled};
  const double start = processor_seconds();
  static_cast<void>(make_cpu_trainer()->train(request));
  return processor_seconds() - start;
}

}  // namespace
}  // namespace fasweep

int main(int argc, char** argv) {
  using fasweep::Rules;
  const auto rule = argc == 6 ? std::find(Rules::names.begin(), Rules::names.end(), argv[1]) : Rules::names.end();
  const auto number = [&](int i) { return std::atoi(argv[i]); };
  if (rule == Rules::names.end() || number(2) < 1 || number(3) < 1 || number(4) < 1 || number(5) < 1) {
    std::fprintf(stderr, "usage: depth_bench RULE DEPTH WIDTH BATCH STEPS\n");
    return 2;
  }
  const int steps = number(5);
  constexpr double mnist_density = 0.19;
  const fasweep::Dataset set = fasweep::bench::make_images(mnist_density);
  const auto train = [&](std::int64_t count) {
    return fasweep::train(set, static_cast<int>(rule - Rules::names.begin()), number(2), number(3), number(4), count);
  };
  const double start = train(1);
  std::printf("%.4f ms a step\n", (train(1 + steps) - start) / steps * 1e3);
  return 0;
}
