#include "model/solver.hpp"

#include <string>
#include <vector>

#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/metric_layout.hpp"
#include "model/rule/list.hpp"
#include "model/solver/list.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {

static_assert(Solvers::size + 1 == solver_names.size() && Solvers::names[0] == solver_names[1] &&
                  Solvers::names[1] == solver_names[2] && Solvers::names[2] == solver_names[3] &&
                  Solvers::names[3] == solver_names[4],
              "the enumerators of Solver and their names are the positions in Solvers and their names");

namespace {

// Cheaper solvers first: of equal ones the first is taken.
constexpr std::array explicit_solvers{Solver::reduced_linear, Solver::sample_space, Solver::weight_space,
                                      Solver::layered};

/// call(type) for the solver's struct; not for automatic.
template <class Call>
auto with_solver(Solver solver, Call call) {
  return Solvers::visit(static_cast<int>(solver) - 1, call);
}

/// call(solver type, activation type).
template <class Call>
double with_activation(Solver solver, int activation, Call call) {
  return with_solver(solver, [&](auto type) {
    return Activations::visit(activation, [&](auto psi) -> double { return call(type, psi); });
  });
}

bool takes(Solver solver, const RunSpec& run) {
  return with_solver(solver, [&](auto type) {
    return Activations::visit(run.activation, [&](auto psi) {
      return Rules::visit(run.rule, [&](auto rule) {
        return decltype(type)::type::template takes<typename decltype(psi)::type, typename decltype(rule)::type>;
      });
    });
  });
}

double total_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
  return setup_cost(solver, data, run.width) +
         static_cast<double>(training.max_steps + 1) * step_cost(solver, data, training, run);
}

/// A rule that learns b has no rich limit, where b and beta are of different scales; nor has one that sends nothing
/// back.
bool is_rich_without_limit(const TrainingSettings& training, const RunSpec& run) {
  return training.richness != lazy && (learns_feedback(run.rule) || is_hebbian(run.rule));
}

/// Whether metrics of these traits are shown by `solver`.
bool shows(Solver solver, unsigned traits) {
  return (traits & sees_layers) == 0 || solver == Solver::layered;
}

/// Why `solver` does not accept the run.
std::string refusal(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run,
                    unsigned traits) {
  if (is_rich_without_limit(training, run)) {
    return is_hebbian(run.rule) ? "training.richness scales what comes back, and under this rule nothing does"
                                : "training.richness gives b and beta different scales, and this rule learns b";
  }
  if (!shows(solver, traits)) {
    return "it does not show every hidden layer, which a recorded metric looks at";
  }
  const KeySet refused = changed_settings(data, training).without(honoured_keys(solver));
  const std::string exact(with_solver(solver, [](auto type) { return decltype(type)::type::exact_for; }));
  return refused.empty() ? exact : "it does not honour " + join(refused.names(), ", ") + "; " + exact;
}

/// Work of handing out all hidden units, or the change of their weights, by blocks. Units: measured on one core of an
/// AMD EPYC that had other work too (2026-11-27), n = 50, d = 150, p = 3200, and n = p = 400: within a third. Change:
/// by its arithmetic.
double reading_cost(Solver solver, const DataSettings& data, const NetworkSizes& sizes, const RunSpec& run,
                    HiddenParts reads) {
  const bool is_cheap = Activations::visit(run.activation, [](auto type) { return decltype(type)::type::is_cheap; });
  const double flop_a_unit = is_cheap ? 160 : 190;  // a number of Z widened and transposed, its psi and psi'
  constexpr double flop_a_normal = 60;              // of W(0)
  const double n = sizes.samples;
  const double rows = sizes.rows();
  const double d = sizes.inputs;
  const double p = sizes.width;
  double units = flop_a_unit * rows * p;
  double change = 2 * n * d * p;
  switch (solver) {
    case Solver::reduced_linear:
      units += 2 * (n + 2) * rows * p;
      change += 2 * (n + 2) * n * p;
      break;
    case Solver::sample_space:
      change += 4 * n * n * p;
      break;
    default:
      units += 4 * rows * d * p * traits_of(data.source).density;
      change = flop_a_normal * d * p;
  }
  const bool has_units = reads == HiddenParts::units || reads == HiddenParts::all;
  const bool has_change = reads == HiddenParts::weight_change || reads == HiddenParts::all;
  return (has_units ? units : 0) + (has_change ? change : 0);
}

}  // namespace

KeySet honoured_keys(Solver solver) {
  return solver == Solver::automatic ? Layered::honours
                                     : with_solver(solver, [](auto type) { return decltype(type)::type::honours; });
}

bool accepts(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run,
             unsigned traits) {
  return solver == Solver::automatic ||
         (!is_rich_without_limit(training, run) && takes(solver, run) && shows(solver, traits) &&
          changed_settings(data, training).without(honoured_keys(solver)).empty());
}

double step_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
  return with_activation(solver, run.activation, [&](auto type, auto psi) {
    return decltype(type)::type::template step_cost<typename decltype(psi)::type>(data, training, run.width);
  });
}

double evaluation_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, unsigned traits,
                       const RunSpec& run) {
  return with_activation(solver, run.activation, [&](auto type, auto psi) {
    return decltype(type)::type::template evaluation_cost<typename decltype(psi)::type>(data, training, traits,
                                                                                        run.width);
  });
}

double snapshot_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                     const std::vector<int>& metrics, const RunSpec& run) {
  constexpr double double_share = 2;  // float64 at the nominal rate, which is float32's
  const NetworkSizes sizes = sizes_of(data, training, run.width);
  double cost = 0;
  for (const int metric : metrics) {
    Metrics::visit(metric, [&](auto type) {
      using Metric = typename decltype(type)::type;
      if constexpr (SnapshotMetric<Metric>) {
        cost += Metric::cost(sizes) + reading_cost(solver, data, sizes, run, Metric::reads);
      }
    });
  }
  return double_share * cost;
}

double memory_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                   const std::vector<int>& metrics, const RunSpec& run) {
  constexpr double double_share = 2;  // as in snapshot_cost()
  const unsigned traits = traits_of(metrics);
  const NetworkSizes sizes = sizes_of(data, training, run.width);
  const double n = sizes.samples;
  const double sums = 3 * kernel_cost(sizes) + reading_cost(solver, data, sizes, run, HiddenParts::units);
  return double_share * (((traits & sums_steps) != 0 ? sums : 0) + ((traits & follows_errors) != 0 ? 4 * n * n : 0));
}

double setup_cost(Solver solver, const DataSettings& data, int width) {
  const double n = data.samples + data.test_samples;
  const double d = data.inputs;
  const double p = width;
  const double teacher = data.teacher_width > 0 ? data.teacher_width : p;
  constexpr double flop_a_normal = 60;
  const double problem = flop_a_normal * d * (n + p + teacher) + 2 * n * d * teacher;
  return problem + with_solver(solver, [&](auto type) { return decltype(type)::type::setup_cost(data, width); });
}

Solver choose_solver(Solver wanted, const DataSettings& data, const TrainingSettings& training, const RunSpec& run,
                     unsigned traits) {
  std::vector<std::string_view> able;
  Solver best = Solver::automatic;
  for (const Solver solver : explicit_solvers) {
    if (!accepts(solver, data, training, run, traits)) {
      continue;
    }
    able.push_back(name_of(solver));
    if (best == Solver::automatic || total_cost(solver, data, training, run) < total_cost(best, data, training, run)) {
      best = solver;
    }
  }
  if (wanted == Solver::automatic && best != Solver::automatic) {
    return best;
  }
  if (able.empty() || !accepts(wanted, data, training, run, traits)) {
    throw ConfigError("solver '" + std::string(name_of(wanted)) + "' cannot train activation '" +
                      std::string(Activations::names[static_cast<std::size_t>(run.activation)]) + "' with rule '" +
                      std::string(Rules::names[static_cast<std::size_t>(run.rule)]) + "' under these settings (" +
                      refusal(wanted == Solver::automatic ? Solver::layered : wanted, data, training, run, traits) +
                      ")" + (able.empty() ? "; no solver can" : "; choose " + join(able, ", ") + " or auto"));
  }
  return wanted;
}

}  // namespace fasweep
