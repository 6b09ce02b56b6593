// Microseconds a step of every CPU solver, and for those that do the n^2 work the share of this core's multiply-add
// peak, measured by a plain loop in the same run. Question: how near the machine's limit are the solvers?
// usage: solver_bench [repetitions]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/pack.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/solver.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// flop/s of twelve independent chains of fused multiply-adds: enough to fill two units of four cycles' latency.
double measure_peak() {
  using P = Pack<float>;
  constexpr int chains = 12;
  constexpr int rounds = 200000;
  volatile float one = 1;
  P sums[chains];
  for (P& sum : sums) {
    sum = P::broadcast(one);
  }
  const P factor = P::broadcast(one);
  const P term = P::broadcast(one * 1e-9F);
  const Stopwatch stopwatch;
  for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int chain = 0; chain < chains; ++chain) {
      sums[chain] = multiply_add(sums[chain], factor, term);
    }
  }
  const double seconds = stopwatch.seconds();
  volatile float keep = 0;
  for (const P& sum : sums) {
    keep = keep + sum.sum();
  }
  return 2.0 * chains * P::lanes * rounds / seconds;
}

struct Case {
  int samples;
  int width;
  int activation;
  Solver solver;

  [[nodiscard]] RunSpec run() const {
    const double step_size = Activations::visit(activation, [](auto type) { return decltype(type)::type::step_size; });
    return {0, width, 0.1, activation, Rules::index_of<FeedbackAlignment>(), 0, step_size};
  }
};

/// Seconds of `steps` steps, the first and the last observed.
double train(const Case& c, const DataSettings& data, const Problem& problem, std::int64_t steps) {
  TrainingSettings training;
  training.max_steps = steps;
  const RecordSettings record{{0, steps}, {Metrics::index_of<LossMetric>(), Metrics::index_of<AlignmentMetric>()}};
  const RunSpec run = c.run();
  const std::atomic<bool> cancelled = false;
  return make_cpu_trainer()->train({problem, data, training, record, {&run, 1}, c.solver, cancelled}).at(0).wall_s;
}

/// Of twice the steps minus once: without the observations at both ends.
double seconds_a_step(const Case& c, int repetitions) {
  DataSettings data;
  data.samples = c.samples;
  data.input_law = InputLaw::gaussian_scaled;  // stable for every n at the paper's step sizes
  const Problem problem = make_problem(data, {0, c.width, c.activation});
  constexpr double seconds = 0.05;
  const double predicted = step_cost(c.solver, data, {}, c.run()) / nominal_flop_per_second;
  const auto steps = std::max<std::int64_t>(3, static_cast<std::int64_t>(seconds / predicted));
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const double once = train(c, data, problem, steps);
    times.push_back((train(c, data, problem, 2 * steps) - once) / static_cast<double>(steps));
  }
  return median(std::move(times));
}

int run_benchmark(int repetitions) {
  double peak = 0;
  for (int i = 0; i < 20 * repetitions; ++i) {
    peak = std::max(peak, measure_peak());
  }
  std::printf("float32, d = 150; peak %.1f Gflop/s; median of %d\n", peak * 1e-9, repetitions);
  std::printf("%-8s %4s %6s  %-14s %10s  %s\n", "psi", "n", "p", "solver", "us/step", "2 n^2 p flop, share of peak");
  for (const int samples : {50, 200}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (const int width : {200, 800, 3200, 12800}) {
        for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
          if (!accepts(solver, {}, {}, Case{samples, width, activation, solver}.run())) {
            continue;
          }
          const double seconds = seconds_a_step({samples, width, activation, solver}, repetitions);
          const std::string psi(Activations::names[static_cast<std::size_t>(activation)]);
          const std::string name(name_of(solver));
          std::printf("%-8s %4d %6d  %-14s %10.2f", psi.c_str(), samples, width, name.c_str(), seconds * 1e6);
          if (solver == Solver::sample_space) {
            std::printf("  %.0f %%", 100 * 2.0 * samples * samples * width / seconds / peak);
          }
          std::printf("\n");
          std::fflush(stdout);
        }
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace fasweep

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 5;
  if (argc > 2 || repetitions < 1) {
    std::fprintf(stderr, "usage: solver_bench [repetitions, at least 1]\n");
    return 2;
  }
  return fasweep::run_benchmark(repetitions);
}
