#include "reference/plain_formulas.hpp"

#include <algorithm>
#include <functional>

#include "model/schedule/list.hpp"
namespace fasweep {
namespace {

double sigmoid(double z) {
  return 1 / (1 + std::exp(-z));
}
double normal_distribution(double z) {
  return std::erfc(-z / std::sqrt(2.0)) / 2;
}
double normal_density(double z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0));
}

double sign(double beta) {
  return beta == 0 ? 0 : std::copysign(1, beta);
}

double no_feedback(double /*first*/, double /*second*/) {
  return 0;
}

/// log sum_c exp(f_c).
double log_sum_exp(std::span<const double> f) {
  const double largest = *std::max_element(f.begin(), f.end());
  double sum = 0;
  for (const double output : f) {
    sum += std::exp(output - largest);
  }
  return largest + std::log(sum);
}

double no_slack(std::span<const double> /*values*/, const PlainHistory& /*run*/) {
  return 0;
}
/// Slack for a sum over steps that may be added in another order, or multiplied out.
double slack_of_sum(std::span<const double> values, const PlainHistory& /*run*/) {
  return 1e-9 * values[0];
}

}  // namespace

const std::vector<PlainActivation> plain_activations{
    {"linear", [](double z) { return z; }, [](double) { return 1.0; }},
    {"relu", [](double z) { return z > 0 ? z : 0.0; }, [](double z) { return z > 0 ? 1.0 : 0.0; }},
    {"tanh", [](double z) { return std::tanh(z); }, [](double z) { return 1 - std::tanh(z) * std::tanh(z); }},
    {"sigmoid", sigmoid, [](double z) { return sigmoid(z) * (1 - sigmoid(z)); }},
    {"softplus", [](double z) { return z > 0 ? z + std::log1p(std::exp(-z)) : std::log1p(std::exp(z)); }, sigmoid},
    {"gelu", [](double z) { return z * normal_distribution(z); },
     [](double z) { return normal_distribution(z) + z * normal_density(z); }},
    {"erf", [](double z) { return std::erf(z); },
     [](double z) { return 2 * std::exp(-z * z) / std::sqrt(std::acos(-1.0)); }},
};

const std::vector<PlainRule> plain_rules{
    {"feedback-alignment", [](double b, double) { return b; }, [](double e, double) { return e; }, false},
    {"backprop", [](double, double beta) { return beta; }, [](double e, double) { return e; }, false, 2},
    {"kolen-pollack", [](double b, double) { return b; }, [](double e, double) { return e; }, true},
    {.name = "drtp",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double, double y) { return -y; },
     .learns_feedback = false,
     .is_direct = true},
    {.name = "dfa",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double e, double) { return e; },
     .learns_feedback = false,
     .is_direct = true},
    {"shallow", [](double, double) { return 0.0; }, [](double e, double) { return e; }, false},
    {"sign-symmetry", [](double, double beta) { return sign(beta); }, [](double e, double) { return e; }, false, 1},
    {"sign-symmetry-fixed", [](double b, double beta) { return std::abs(b) * sign(beta); },
     [](double e, double) { return e; }, false},
    {"sign-symmetry-redrawn", [](double b, double beta) { return std::abs(b) * sign(beta); },
     [](double e, double) { return e; }, false, 0, true},
    {.name = "error-modulated-hebb",
     .feedback = no_feedback,
     .teaching = no_feedback,
     .learns_feedback = false,
     .hebbian = [](double error_square, double h) { return error_square * h; }},
    {.name = "oja",
     .feedback = no_feedback,
     .teaching = no_feedback,
     .learns_feedback = false,
     .hebbian = [](double, double h) { return h; },
     .decays_itself = true},
    {.name = "sejnowski-tesauro",
     .feedback = no_feedback,
     .teaching = no_feedback,
     .learns_feedback = false,
     .hebbian = [](double, double h) { return h; },
     .is_centred = true},
    {.name = "hebbian-feedback",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double e, double) { return e; },
     .learns_feedback = false,
     .adapts_feedback = true},
    {.name = "sdfa",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double e, double) { return sign(e); },
     .learns_feedback = false,
     .is_direct = true},
    {.name = "weight-mirror",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double e, double) { return e; },
     .learns_feedback = false,
     .mirrors = true},
    {.name = "difference-target-propagation",
     .feedback = [](double, double beta) { return beta; },
     .teaching = [](double e, double) { return e; },
     .learns_feedback = false,
     .propagates_targets = true},
    {.name = "simplified-difference-target-propagation",
     .feedback = [](double b, double) { return b; },
     .teaching = [](double e, double) { return e; },
     .learns_feedback = false,
     .propagates_targets = true,
     .inverts_outputs = true},
};

const std::vector<PlainLoss> plain_losses{
    {"squared",
     [](std::span<const double> f, std::span<const double> y) {
       double sum = 0;
       for (std::size_t c = 0; c < f.size(); ++c) {
         sum += (f[c] - y[c]) * (f[c] - y[c]) / 2;
       }
       return sum;
     },
     [](std::span<const double> f, std::span<const double> y, std::span<double> e) {
       std::ranges::transform(f, y, e.begin(), std::minus<>());
     }},
    {"cross-entropy",
     [](std::span<const double> f, std::span<const double> y) {
       const double log_sum = log_sum_exp(f);
       double sum = 0;
       for (std::size_t c = 0; c < f.size(); ++c) {
         sum -= y[c] * (f[c] - log_sum);
       }
       return sum;
     },
     [](std::span<const double> f, std::span<const double> y, std::span<double> e) {
       // p_c - y_c = (1 - y_c) p_c - y_c sum_{j != c} p_j, for the p_j sum to 1.
       const double log_sum = log_sum_exp(f);
       std::vector<double> p(f.size());
       std::ranges::transform(f, p.begin(), [&](double output) { return std::exp(output - log_sum); });
       for (std::size_t c = 0; c < f.size(); ++c) {
         e[c] = (1 - y[c]) * p[c];
         for (std::size_t j = 0; j < f.size(); ++j) {
           e[c] -= j == c ? 0 : y[c] * p[j];
         }
       }
     }},
    {"binary-cross-entropy",
     [](std::span<const double> f, std::span<const double> y) {
       double sum = 0;
       for (std::size_t c = 0; c < f.size(); ++c) {
         sum -= y[c] * std::log(sigmoid(f[c])) + (1 - y[c]) * std::log(sigmoid(-f[c]));
       }
       return sum;
     },
     [](std::span<const double> f, std::span<const double> y, std::span<double> e) {
       for (std::size_t c = 0; c < f.size(); ++c) {
         e[c] = (1 - y[c]) * sigmoid(f[c]) - y[c] * sigmoid(-f[c]);
       }
     }},
};

const std::vector<PlainOptimizer> plain_optimizers{
    {"sgd", [](std::span<const double>, double, double g, double&, double&) { return g; }},
    {"momentum",
     [](std::span<const double> v, double, double g, double& velocity, double&) {
       velocity = v[0] * velocity + g;
       return velocity;
     }},
    {"nesterov",
     [](std::span<const double> v, double, double g, double& velocity, double&) {
       velocity = v[0] * velocity + g;
       return g + v[0] * velocity;
     }},
    {"rmsprop",
     [](std::span<const double> v, double, double g, double& square, double&) {
       square = v[0] * square + (1 - v[0]) * g * g;
       return g / (std::sqrt(square) + 1e-8);
     }},
    {"adam",
     [](std::span<const double> v, double t, double g, double& mean, double& square) {
       mean = v[0] * mean + (1 - v[0]) * g;
       square = v[1] * square + (1 - v[1]) * g * g;
       return mean / (1 - std::pow(v[0], t + 1)) / (std::sqrt(square / (1 - std::pow(v[1], t + 1))) + 1e-8);
     }},
    {"manhattan",
     [](std::span<const double>, double, double g, double&, double&) { return g > 0   ? 1.0
                                                                              : g < 0 ? -1.0
                                                                                      : 0.0; }},
};

const std::vector<PlainSchedule> plain_schedules{
    {"constant", [](std::span<const double>, double) { return 1.0; }},
    {"cutoff", [](std::span<const double> v, double t) { return t < v[0] ? 1.0 : 0.0; }},
    {"exponential", [](std::span<const double> v, double t) { return std::pow(v[0], t); }},
    {"inverse-square", [](std::span<const double> v, double t) { return std::pow(1 + t / v[0], -2); }},
    {"multistep",
     [](std::span<const double> v, double t) {
       double factor = 1;
       for (const double milestone : v.subspan(1)) {
         factor *= t >= milestone ? v[0] : 1;
       }
       return factor;
     }},
};

const std::vector<PlainStopRule> plain_stop_rules{
    {"never", [](std::span<const double>, const PlainHistory&) { return -1.0; }, no_slack},
    {"loss-below",  // a loss that is the value does not end the run
     [](std::span<const double> v, const PlainHistory& run) { return std::nextafter(v[0], 0) - run.losses.back(); },
     [](std::span<const double>, const PlainHistory& run) { return run.loss_error(run.losses.back()); }},
    {"plateau",
     [](std::span<const double> v, const PlainHistory& run) {
       const auto window = static_cast<std::size_t>(v[1]);
       const std::size_t step = run.losses.size() - 1;
       if (step == 0 || step % window != 0) {
         return -1.0;
       }
       const double before = run.regularized[step - window];
       return v[0] * before - std::abs(run.regularized[step] - before);
     },
     [](std::span<const double> v, const PlainHistory& run) {
       const auto window = static_cast<std::size_t>(v[1]);
       const std::size_t step = run.losses.size() - 1;
       return step == 0 || step % window != 0
                  ? 0.0
                  : run.loss_error(run.regularized[step]) + run.loss_error(run.regularized[step - window]);
     }},
    {"time", [](std::span<const double> v, const PlainHistory& run) { return run.time - v[0]; }, slack_of_sum},
    {"ridge-time", [](std::span<const double> v, const PlainHistory& run) { return run.ridge_time - v[0]; },
     slack_of_sum},
};

double plain_factor(const Schedule& schedule, std::int64_t t) {
  const std::string_view name = Schedules::names[static_cast<std::size_t>(schedule.position())];
  return find_plain(plain_schedules, name).factor(schedule.values(), static_cast<double>(t));
}

}  // namespace fasweep
