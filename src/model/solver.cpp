#include "model/solver.hpp"

#include <string>
#include <vector>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr std::array explicit_solvers{Solver::reduced_linear, Solver::sample_space, Solver::weight_space};

double total_cost(Solver solver, const DataSettings& data, std::int64_t steps, const RunSpec& run) {
  return setup_cost(solver, data, run.width) + static_cast<double>(steps + 1) * step_cost(solver, data, run);
}

}  // namespace

bool accepts(Solver solver, int activation, int rule) {
  if (solver == Solver::reduced_linear) {
    return activation == Activations::index_of<Linear>() &&
           Rules::visit(rule, [](auto type) { return decltype(type)::type::feedback_is_linear; });
  }
  return true;
}

// Factors: seconds measured on one core (float32, AVX2, tests/bench/solver_bench) times the nominal rate.
double step_cost(Solver solver, const DataSettings& data, const RunSpec& run) {
  const double n = data.samples;
  const double rows = n + data.test_samples;
  const double d = data.inputs;
  const double p = run.width;
  return Activations::visit(run.activation, [&](auto type) {
    using Activation = typename decltype(type)::type;
    switch (solver) {
      case Solver::reduced_linear:
        return 8 * (n + 2) * (2 * n + rows) + 2e4;
      case Solver::sample_space:
        if (Activation::derivative_is_zero_or_one) {
          return 0.4 * n * rows * p + 5 * rows * p + 18 * n * rows;
        }
        return 0.85 * n * rows * p + (Activation::is_cheap ? 4 : 20) * rows * p;
      default:
        return 2.5 * rows * d * p + (Activation::is_cheap ? 8 : 24) * rows * p;
    }
  });
}

double setup_cost(Solver solver, const DataSettings& data, int width) {
  const double n = data.samples + data.test_samples;
  const double d = data.inputs;
  const double p = width;
  const double teacher = data.teacher_width > 0 ? data.teacher_width : p;
  constexpr double flop_a_normal = 60;
  const double problem = flop_a_normal * d * (n + p + teacher) + 2 * n * d * teacher;
  switch (solver) {
    case Solver::reduced_linear:
      return problem + 2 * n * d * p + 2 * n * n * p;
    case Solver::sample_space:
      return problem + 2 * n * d * p + 2 * n * n * d;
    default:
      return problem;
  }
}

Solver choose_solver(Solver wanted, const DataSettings& data, std::int64_t steps, const RunSpec& run) {
  std::vector<std::string_view> able;
  Solver best = Solver::automatic;
  for (const Solver solver : explicit_solvers) {
    if (!accepts(solver, run.activation, run.rule)) {
      continue;
    }
    able.push_back(name_of(solver));
    if (best == Solver::automatic || total_cost(solver, data, steps, run) < total_cost(best, data, steps, run)) {
      best = solver;
    }
  }
  if (wanted == Solver::automatic) {
    return best;
  }
  if (!accepts(wanted, run.activation, run.rule)) {
    throw ConfigError("solver '" + std::string(name_of(wanted)) + "' cannot train activation '" +
                      std::string(Activations::names[static_cast<std::size_t>(run.activation)]) + "' with rule '" +
                      std::string(Rules::names[static_cast<std::size_t>(run.rule)]) +
                      "' (it is exact for other networks only); choose " + join(able, ", ") + " or auto");
  }
  return wanted;
}

}  // namespace fasweep
