// What is recorded of a run. A solver describes the network at a step by an `Observation`; a metric is a function of
// it. To add a metric: write its struct, add it to `Metrics`; the job grammar, the file and the exports follow.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "util/type_list.hpp"

namespace fasweep {

/// Sums that describe a network at one step t; every solver fills all of them. Sums are taken in float64.
struct Observation {
  double ridge = 0;                                                      // lambda(t)
  double squared_error = 0;                                              // sum_i e_i^2 over training samples
  double test_squared_error = std::numeric_limits<double>::quiet_NaN();  // over test samples; NaN without them
  double output_square = 0;                                              // ||beta||^2
  double feedback_square = 0;                                            // ||b||^2
  double feedback_dot_output = 0;                                        // <b, beta>
  double max_output_change = 0;                                          // max_r |beta_r(t) - beta_r(0)|
  double hidden_change_square = 0;                                       // ||W(t) - W(0)||_F^2
  double max_hidden_change = 0;                                          // max_r ||w_r(t) - w_r(0)||
  double rule_gradient_square = 0;      // ||S(v)||_F^2, v the rule's feedback, S of learning rule, eq. 2.3
  double backprop_gradient_square = 0;  // ||S(beta)||_F^2
  double gradient_dot = 0;              // <S(v), S(beta)>
};

/// Cosine from a dot product and two squared norms; NaN when a vector is zero, where no angle exists.
[[nodiscard]] inline double cosine(double dot, double square_a, double square_b) {
  if (!(square_a > 0) || !(square_b > 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::clamp(dot / (std::sqrt(square_a) * std::sqrt(square_b)), -1.0, 1.0);
}

// Each metric has name (the dataset's name), long_name and units (its attributes) and value().

struct LossMetric {
  static constexpr std::string_view name = "loss";
  static constexpr std::string_view long_name = "training loss, 1/2 sum of squared errors, without ridge";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return 0.5 * o.squared_error; }
};
struct RegularizedLossMetric {
  static constexpr std::string_view name = "regularized_loss";
  static constexpr std::string_view long_name = "training loss plus 1/2 lambda(t) ||beta||^2";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return 0.5 * o.squared_error + 0.5 * o.ridge * o.output_square; }
};
struct ErrorNormMetric {
  static constexpr std::string_view name = "error_norm";
  static constexpr std::string_view long_name = "norm of the training error ||f - y||";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return std::sqrt(o.squared_error); }
};
struct AlignmentMetric {
  static constexpr std::string_view name = "alignment";
  static constexpr std::string_view long_name = "signed cosine of feedback b and output weights beta";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) {
    return cosine(o.feedback_dot_output, o.feedback_square, o.output_square);
  }
};
struct GradientAlignmentMetric {
  static constexpr std::string_view name = "gradient_alignment";
  static constexpr std::string_view long_name = "cosine of the rule's and backprop's full gradients of W";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) {
    return cosine(o.gradient_dot, o.rule_gradient_square, o.backprop_gradient_square);
  }
};
struct OutputNormMetric {
  static constexpr std::string_view name = "output_norm";
  static constexpr std::string_view long_name = "norm of the output weights ||beta||";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return std::sqrt(o.output_square); }
};
struct HiddenChangeMetric {
  static constexpr std::string_view name = "hidden_change";
  static constexpr std::string_view long_name = "Frobenius norm of the hidden weights' change ||W(t) - W(0)||";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return std::sqrt(std::max(o.hidden_change_square, 0.0)); }
};
struct MaxOutputChangeMetric {
  static constexpr std::string_view name = "max_output_change";
  static constexpr std::string_view long_name = "largest change of an output weight max_r |beta_r(t) - beta_r(0)|";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return o.max_output_change; }
};
struct MaxHiddenChangeMetric {
  static constexpr std::string_view name = "max_hidden_change";
  static constexpr std::string_view long_name = "largest change of a hidden unit's weights max_r ||w_r(t) - w_r(0)||";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return o.max_hidden_change; }
};
struct TestLossMetric {
  static constexpr std::string_view name = "test_loss";
  static constexpr std::string_view long_name = "loss on held-out inputs, 1/2 sum of squared errors";
  static constexpr std::string_view units = "1";
  static double value(const Observation& o) { return 0.5 * o.test_squared_error; }
};

using Metrics =
    TypeList<LossMetric, RegularizedLossMetric, ErrorNormMetric, AlignmentMetric, GradientAlignmentMetric,
             OutputNormMetric, HiddenChangeMetric, MaxOutputChangeMetric, MaxHiddenChangeMetric, TestLossMetric>;

/// Values of the chosen metrics (positions in `Metrics`), in that order.
[[nodiscard]] inline std::vector<double> evaluate_metrics(const std::vector<int>& chosen,
                                                          const Observation& observation) {
  std::vector<double> values;
  values.reserve(chosen.size());
  for (const int metric : chosen) {
    values.push_back(Metrics::visit(metric, [&](auto type) { return decltype(type)::type::value(observation); }));
  }
  return values;
}

}  // namespace fasweep
