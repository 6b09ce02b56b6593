// The formulas of a run's first step in float64 (plain_formulas.hpp), each with what its result may be off by, for the
// check of first steps (first_step.cpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/run_spec.hpp"
#include "reference/first_step.hpp"
#include "reference/plain_formulas.hpp"

namespace fasweep {

/// Half the distance of neighbouring numbers, relative.
inline double rounding_of(Precision precision) {
  return precision == Precision::float64 ? 0x1p-53 : 0x1p-24;
}

/// Roundings of a weight that a step may differ by where nothing else does: of the old one, of the new one, and of the
/// products and sums between them.
inline constexpr double weight_roundings = 4;

/// The same where samples are added to the weight one after the other: each addition loses half a rounding at most,
/// and many of them, of either sign, some root of their number.
inline double roundings_of(double additions) {
  return weight_roundings + std::min(additions / 2, 8 * std::sqrt(additions));
}

/// Roundings of |w| |x| by which a product w x, such as a pre-activation, may be off. A sum of d terms of either sign
/// is off by about sqrt(d) roundings of sqrt(d) terms, and |w| |x| is d terms.
inline constexpr double pre_activation_roundings = 16;

/// Beyond this, numbers of float32 overflow in products that float64 can still take.
inline constexpr double float32_limit = 1e18;

/// A sum over samples.
struct Sum {
  double value = 0;
  double terms = 0;  // sum of their sizes
  double slack = 0;  // by how much it may be off, as its terms stand near a kink or a boundary, or are rounded

  void scale(double factor) { *this = {factor * value, factor * terms, factor * slack}; }
  void add(double term, double off) { add(term, std::abs(term), off); }
  void add(double term, double size, double off) {
    value += term;
    terms += size;
    slack += off;
  }
};

/// A number after the step, and by how much it may be off.
struct Expected {
  double value = 0;
  double allowed = 0;
};

inline double dot(std::span<const double> a, std::span<const double> b) {
  const auto size = static_cast<Eigen::Index>(a.size());
  return Eigen::Map<const Eigen::VectorXd>(a.data(), size).dot(Eigen::Map<const Eigen::VectorXd>(b.data(), size));
}

inline double norm(std::span<const double> a) {
  return std::sqrt(dot(a, a));
}

inline double largest(std::span<const double> a) {
  return a.empty()
             ? 0
             : Eigen::Map<const Eigen::VectorXd>(a.data(), static_cast<Eigen::Index>(a.size())).cwiseAbs().maxCoeff();
}

/// A sample of step 0, and what teaches by it.
struct Lesson {
  std::int32_t row = 0;  // in the problem
  double input_norm = 0;
  std::span<const double> f;  // outputs, as are the others
  std::span<double> error;
  double error_slack = 0;          // of each
  std::span<double> taught;        // to the hidden layer
  std::span<double> taught_slack;  // of each
  Sum arriving_square;             // of the errors that come to the hidden layer
};

/// What a hidden unit sees of a sample: inputs of the network, or what the layer below passes on.
struct Seen {
  std::span<const double> x;
  std::span<const double> slack = {};  // by how much each may be off; empty: they are exact
  double norm = 0;                     // of x
  double slack_norm = 0;
};

/// The weights into a hidden unit.
struct UnitWeights {
  std::span<const double> w;
  double bias = 0;
  double norm = 0;  // of w
  double most = 0;  // largest size in w
};

inline UnitWeights make_unit_weights(std::span<const double> w, double bias) {
  return {w, bias, norm(w), largest(w)};
}

/// By how much a product of numbers with weights may be off as the numbers are off, slack_norm of their norm. Errors of
/// either sign add up as their squares do; one that all numbers have in common is that of the product. most: the
/// largest of the weights.
inline double passed_on(double slack_norm, double norm, double most, double product) {
  return slack_norm == 0 ? 0 : slack_norm * (most + (norm > 0 ? std::abs(product) / norm : 0));
}

/// What a hidden unit makes of a sample.
struct Response {
  double z = 0;
  double z_slack = 0;
  double mask = 1;
  double h = 0;  // with its mask
  double h_slack = 0;
};

/// The formulas and numbers of a run's first step.
struct StepFormulas {
  StepFormulas(const TrainingSettings& training, const RunSpec& run)
      : psi(find_plain(plain_activations, Activations::names[static_cast<std::size_t>(run.activation)])),
        rule(find_plain(plain_rules, Rules::names[static_cast<std::size_t>(run.rule)])),
        loss(find_plain(plain_losses, loss_function_names[static_cast<std::size_t>(training.loss)])),
        optimizer(
            find_plain(plain_optimizers, Optimizers::names[static_cast<std::size_t>(training.optimizer.position())])),
        optimizer_values(training.optimizer.values()),
        tolerance(first_step_tolerance(training.precision)),
        rounding(rounding_of(training.precision)),
        output_scale(training.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(run.width)),
        step_size(run.step_size * plain_factor(training.step_schedule, 0)),
        output_step_size(training.output_step_factor * step_size),
        hidden_step_size(step_size * std::pow(training.richness > 0 ? training.richness * std::sqrt(run.width) : 1,
                                              rule.rich_power)),
        decay(1 - step_size * run.ridge * plain_factor(training.schedule, 0)),
        decaying(training.decay) {}

  /// What the ridge leaves of the weights of a hidden layer from 1 on, or of the outputs, 0.
  [[nodiscard]] double kept(int layer) const { return decaying.reaches(layer) ? decay : 1; }

  [[nodiscard]] Response respond(const UnitWeights& unit, const Seen& seen, double mask) const {
    Response r;
    r.z = dot(unit.w, seen.x) + unit.bias;
    r.z_slack = pre_activation_roundings * rounding * (unit.norm * seen.norm + std::abs(unit.bias)) +
                passed_on(seen.slack_norm, seen.norm, unit.most, r.z - unit.bias);
    r.mask = mask;
    const double h = psi.psi(r.z);
    r.h = r.mask * h;
    r.h_slack = r.mask * slack(psi.psi, r.z, r.z_slack, std::abs(h));
    return r;
  }

  /// sum_c t_c v_c: what comes back from the outputs by these feedback weights.
  [[nodiscard]] static Sum sent_back(std::span<const double> v, const Lesson& lesson) {
    Sum back;
    for (std::size_t c = 0; c < v.size(); ++c) {
      back.add(lesson.taught[c] * v[c], lesson.taught_slack[c] * std::abs(v[c]));
    }
    return back;
  }

  /// What a unit learns by: what comes back, times psi'(z), with the mask.
  [[nodiscard]] Sum signal(const Sum& back, const Response& r) const {
    const double slope = psi.psi_prime(r.z);
    const double slope_slack = slack(psi.psi_prime, r.z, r.z_slack, 1);
    Sum signal;
    signal.add(r.mask * back.value * slope, r.mask * back.terms * std::abs(slope),
               r.mask * (back.slack * std::abs(slope) + back.terms * slope_slack));
    return signal;
  }

  /// What the optimizer makes of a gradient, at the first step.
  [[nodiscard]] double direction(double gradient) const {
    double first = 0;
    double second = 0;
    return optimizer.direction(optimizer_values, 0, gradient, first, second);
  }

  /// By how much a sum may be off.
  [[nodiscard]] double allowed(const Sum& sum) const { return tolerance * sum.terms + sum.slack; }

  /// A weight after a step of `size` against this gradient. What the gradient may be off by may turn the direction of
  /// an optimizer that looks at signs. additions: as below.
  [[nodiscard]] Expected step(double weight, double kept, double size, const Sum& gradient,
                              double additions = 0) const {
    const double along = direction(gradient.value);
    const double off = allowed(gradient);
    const double turned = std::max(direction(gradient.value + off) - along, along - direction(gradient.value - off));
    const double value = kept * weight - size * along;
    return rounded(weight, value, size * (tolerance * std::abs(along) + turned), additions);
  }

  /// A number that was `before`, whose step may be off by `off`, and what rounding makes of it. additions: of terms to
  /// it, one after the other. Terms below its rounding are lost, all of them where they are below it on average.
  [[nodiscard]] Expected rounded(double before, double value, double off, double additions = 0) const {
    const double size = rounding * (std::max(std::abs(before), std::abs(value)) + off);
    const double terms = off / tolerance;
    const double lost = terms < weight_roundings * additions * size ? terms : 0;
    return {value, off + roundings_of(additions) * size + lost};
  }

  /// By how much a function may be off where its argument is: what that changes, and its own rounding, which is
  /// relative to `size`.
  template <class Function>
  [[nodiscard]] double slack(Function function, double z, double z_slack, double size) const {
    return std::abs(function(z + z_slack) - function(z - z_slack)) + weight_roundings * rounding * size;
  }

  const PlainActivation& psi;
  const PlainRule& rule;
  const PlainLoss& loss;
  const PlainOptimizer& optimizer;
  std::span<const double> optimizer_values;
  double tolerance;
  double rounding;
  double output_scale;
  double step_size;
  double output_step_size;
  double hidden_step_size;
  double decay;  // of weights that the ridge reaches
  Decay decaying;
};

}  // namespace fasweep
