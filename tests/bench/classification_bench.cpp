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
#include "images.hpp"
#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

constexpr int width = 1000;
constexpr int batch = 600;

/// Seconds of `steps` steps after set-up, as the record says.
double train(const Dataset& set, std::int64_t steps) {
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
    const fasweep::Dataset set = fasweep::bench::make_images(density);
    static_cast<void>(fasweep::train(set, 1));  // touches the memory
    std::printf("density %.2f: %.3f ms a step\n", density, fasweep::train(set, steps) / steps * 1e3);
    std::fflush(stdout);
  }
  return 0;
}
