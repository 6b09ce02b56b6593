// Built once per fault planted into the weight-space kernels (plant_fault.cmake) and once without: says "caught: why"
// or "sound". Two runs stop in mid-chunk, units are odd in number, the last batch of an epoch is smaller.
#include <cmath>
#include <iostream>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/weight_space.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/network_case.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "support/cuda_emulation.hpp"

namespace {

using namespace fasweep;
using fasweep::testing::NetworkCase;

std::string find_fault() {
#if defined(__SANITIZE_THREAD__)
  constexpr std::int64_t steps = 2;  // more take minutes
#else
  constexpr std::int64_t steps = 12;
#endif
  NetworkCase c(Activations::index_of<Tanh>(), steps);
  c.training.batch_size = 5;
  c.training.dropout = 0.3;
  c.training.biases = true;
  c.training.stop = RidgeTimeStop{{0.32}};  // ridge 0.5 ends at step 7
  c.record.steps = {0, steps};
  const Problem problem = c.problem();
  const std::vector<RunSpec> runs = c.runs();
  std::vector<RunRecord> natural;
  for (const std::uint64_t seed : {0U, 1U, 20U}) {
    emulation::order_seed() = seed;
    const std::vector<RunRecord> records =
        make_cuda_trainer(0, make_cpu_trainer())->train(c.request_for(problem, runs));
    natural = seed == 0 ? records : natural;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      const RunRecord expected = train_weight_space<double>(c.request_for(problem, runs), runs[run]);
      for (std::size_t i = 0; i < expected.final_values.size(); ++i) {
        const double ours = records[run].final_values[i];
        const double theirs = expected.final_values[i];
        constexpr double tolerance = 1e-3;  // as in weight_space_runs_test.cpp
        if (std::isnan(ours) != std::isnan(theirs) ||
            std::abs(ours - theirs) > tolerance * std::max(1.0, std::abs(theirs))) {
          return "other numbers than the CPU's, " + std::string(Metrics::names[i]);
        }
        if (ours != natural[run].final_values[i] && !std::isnan(ours)) {
          return "other bits in another order of threads and blocks";
        }
      }
    }
  }
  return {};
}

}  // namespace

int main() {
  const std::string fault = find_fault();
  std::cout << (fault.empty() ? "sound" : "caught: " + fault) << "\n";
  return 0;
}
