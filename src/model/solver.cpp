#include "model/solver.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "model/metric_layout.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr std::array explicit_solvers{Solver::reduced_linear, Solver::sample_space, Solver::weight_space};

double total_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
  return setup_cost(solver, data, run.width) +
         static_cast<double>(training.max_steps + 1) * step_cost(solver, data, training, run);
}

std::string_view exact_for(Solver solver) {
  return solver == Solver::reduced_linear
             ? "it is exact for linear networks with one output, a teacher's data, squared loss summed over all "
               "samples "
               "in every step, no dropout, no biases, decay of the output weights and scale root-width"
             : "it is exact for one output, a teacher's data, squared loss summed over all samples in every step, no "
               "dropout, no biases, decay of the output weights and scale root-width";
}

/// The setting of the paper's synthetic experiment, in which the weights move in the span of the inputs and every step
/// sees all of a teacher's samples: what the sample-space formulations are exact for.
bool is_papers_setting(const DataSettings& data, const TrainingSettings& training) {
  return data.source == DataSource::teacher && data.outputs == 1 && data.targets == Targets::numbers &&
         training.loss == LossFunction::squared && training.reduction == Reduction::sum &&
         !takes_minibatches(training, data) && training.dropout == 0 && !training.biases &&
         training.decay == Decay::output && training.output_scale == OutputScale::root_width;
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
      units += 4 * rows * d * p * expected_density(data.source);
      change = flop_a_normal * d * p;
  }
  const bool has_units = reads == HiddenParts::units || reads == HiddenParts::all;
  const bool has_change = reads == HiddenParts::weight_change || reads == HiddenParts::all;
  return (has_units ? units : 0) + (has_change ? change : 0);
}

}  // namespace

bool accepts(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
  switch (solver) {
    case Solver::reduced_linear:
      return is_papers_setting(data, training) && run.activation == Activations::index_of<Linear>() &&
             Rules::visit(run.rule, [](auto type) { return decltype(type)::type::feedback_is_linear; });
    case Solver::sample_space:
      return is_papers_setting(data, training);
    default:
      return true;
  }
}

// Factors: seconds measured on one core (float32, AVX2, tests/bench/solver_bench) times the nominal rate.
double step_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
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
      default: {
        const double batch = takes_minibatches(training, data) ? training.batch_size : n;
        const double masks = training.dropout > 0 ? 80 : 0;
        const double inputs = d * std::min(2.5, 3.9 * expected_density(data.source));  // dense or sparse
        return batch * p * (inputs + 4 * data.outputs + (Activation::is_cheap ? 4 : 20) + masks);
      }
    }
  });
}

double evaluation_cost(Solver solver, const DataSettings& data, const TrainingSettings& training, unsigned traits,
                       const RunSpec& run) {
  if (solver != Solver::weight_space) {
    return 0;
  }
  const bool sees_all = !takes_minibatches(training, data) && training.dropout == 0;  // in every step
  const double rows = ((traits & sees_training_set) != 0 && !sees_all ? data.samples : 0) +
                      ((traits & sees_test_set) != 0 ? data.test_samples : 0.0);
  DataSettings evaluated = data;
  evaluated.samples = 1;
  constexpr double forward_share = 0.5;  // of a step, without the way back
  return rows * forward_share * step_cost(solver, evaluated, {}, run);
}

double snapshot_cost(Solver solver, const DataSettings& data, const std::vector<int>& metrics, const RunSpec& run) {
  constexpr double double_share = 2;  // float64 at the nominal rate, which is float32's
  const NetworkSizes sizes = sizes_of(data, run.width);
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

Solver choose_solver(Solver wanted, const DataSettings& data, const TrainingSettings& training, const RunSpec& run) {
  std::vector<std::string_view> able;
  Solver best = Solver::automatic;
  for (const Solver solver : explicit_solvers) {
    if (!accepts(solver, data, training, run)) {
      continue;
    }
    able.push_back(name_of(solver));
    if (best == Solver::automatic || total_cost(solver, data, training, run) < total_cost(best, data, training, run)) {
      best = solver;
    }
  }
  if (wanted == Solver::automatic) {
    return best;
  }
  if (!accepts(wanted, data, training, run)) {
    throw ConfigError("solver '" + std::string(name_of(wanted)) + "' cannot train activation '" +
                      std::string(Activations::names[static_cast<std::size_t>(run.activation)]) + "' with rule '" +
                      std::string(Rules::names[static_cast<std::size_t>(run.rule)]) + "' under these settings (" +
                      std::string(exact_for(wanted)) + "); choose " + join(able, ", ") + " or auto");
  }
  return wanted;
}

}  // namespace fasweep
