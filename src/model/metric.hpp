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

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Sums that describe a network at one step t, taken in float64. A solver fills all of them but those that none of the
/// recorded metrics looks at (`traits_of`), which stay as they are here.
struct Observation {
  double ridge = 0;                           // lambda(t)
  double loss = not_a_number;                 // of the training samples, without ridge and dropout
  double test_loss = not_a_number;            // of the test samples; NaN without them
  double batch_loss = not_a_number;           // of the step's batch, with its dropout
  double squared_error = not_a_number;        // ||E||_F^2 over training samples
  double accuracy = not_a_number;             // share of training samples whose largest output is their class
  double test_accuracy = not_a_number;        // of test samples
  double decayed_square = 0;                  // squared norm of the weights that the ridge decays
  double output_square = 0;                   // ||beta||_F^2
  double feedback_square = 0;                 // ||b||_F^2
  double feedback_dot_output = 0;             // <b, beta>
  double max_output_change = 0;               // max |beta(t) - beta(0)|
  double hidden_change_square = 0;            // ||W(t) - W(0)||_F^2
  double max_hidden_change = 0;               // max_r ||w_r(t) - w_r(0)||
  double rule_gradient_square = 0;            // ||S(v)||_F^2, v the rule's feedback, S of learning rule, eq. 2.3
  double backprop_gradient_square = 0;        // ||S(beta)||_F^2
  double gradient_dot = 0;                    // <S(v), S(beta)>
  double signal_cosine = not_a_number;        // mean over the batch's samples of cos(beta e_i, b e_i)
  double signal_deviation = not_a_number;     // its standard deviation over them
  double batch_signal_cosine = not_a_number;  // cos(beta sum_i e_i, b sum_i e_i)
};

/// Cosine from a dot product and two squared norms; NaN when a vector is zero, where no angle exists.
[[nodiscard]] inline double cosine(double dot, double square_a, double square_b) {
  if (!(square_a > 0) || !(square_b > 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  return std::clamp(dot / (std::sqrt(square_a) * std::sqrt(square_b)), -1.0, 1.0);
}

/// Signals with a squared norm up to this have no direction worth a cosine.
inline constexpr double least_signal_square = 1e-30;

/// One output, squared loss summed over all samples in every step, ridge on beta: the rest of an observation follows
/// from its sums. All signals are multiples of beta and b then.
inline void complete_single_output(double test_squared_error, Observation& o) {
  o.loss = 0.5 * o.squared_error;
  o.batch_loss = o.loss;
  o.test_loss = 0.5 * test_squared_error;
  o.decayed_square = o.output_square;
  if (o.squared_error * std::min(o.output_square, o.feedback_square) > least_signal_square) {
    o.signal_cosine = cosine(o.feedback_dot_output, o.feedback_square, o.output_square);
    o.signal_deviation = 0;
    o.batch_signal_cosine = o.signal_cosine;
  }
}

/// What a metric takes to compute and where it means anything, or-ed.
enum MetricTraits : unsigned {
  plain = 0,
  sees_training_set = 1U << 0U,    // forward pass of all training samples; dear when a step sees few of them
  sees_test_set = 1U << 1U,        // likewise of the test samples, without which it does not apply
  sees_gradients = 1U << 2U,       // the rule's and backprop's gradient of W
  sees_hidden_change = 1U << 3U,   // W(t) - W(0)
  for_classes = 1U << 4U,          // applies only when targets are classes
  for_random_steps = 1U << 5U,     // with neither minibatches nor dropout it is the loss
  for_several_outputs = 1U << 6U,  // with one output it is the alignment, or 0
};

// Each metric has name (the dataset's name), long_name and units (its attributes), traits and value().

struct LossMetric {
  static constexpr std::string_view name = "loss";
  static constexpr std::string_view long_name = "loss of all training samples, without ridge and dropout";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return o.loss; }
};
struct RegularizedLossMetric {
  static constexpr std::string_view name = "regularized_loss";
  static constexpr std::string_view long_name =
      "training loss plus 1/2 lambda(t) times the squared norm of the decayed weights";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return o.loss + 0.5 * o.ridge * o.decayed_square; }
};
struct ErrorNormMetric {
  static constexpr std::string_view name = "error_norm";
  static constexpr std::string_view long_name =
      "norm of the training error, prediction minus target, over all training samples";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set;
  static double value(const Observation& o) { return std::sqrt(o.squared_error); }
};
struct AlignmentMetric {
  static constexpr std::string_view name = "alignment";
  static constexpr std::string_view long_name = "signed cosine of feedback b and output weights beta";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) {
    return cosine(o.feedback_dot_output, o.feedback_square, o.output_square);
  }
};
struct GradientAlignmentMetric {
  static constexpr std::string_view name = "gradient_alignment";
  static constexpr std::string_view long_name =
      "cosine of the rule's and backprop's gradients of W in the step's batch";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_gradients;
  static double value(const Observation& o) {
    return cosine(o.gradient_dot, o.rule_gradient_square, o.backprop_gradient_square);
  }
};
struct OutputNormMetric {
  static constexpr std::string_view name = "output_norm";
  static constexpr std::string_view long_name = "norm of the output weights ||beta||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) { return std::sqrt(o.output_square); }
};
struct HiddenChangeMetric {
  static constexpr std::string_view name = "hidden_change";
  static constexpr std::string_view long_name = "Frobenius norm of the hidden weights' change ||W(t) - W(0)||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_hidden_change;
  static double value(const Observation& o) { return std::sqrt(std::max(o.hidden_change_square, 0.0)); }
};
struct MaxOutputChangeMetric {
  static constexpr std::string_view name = "max_output_change";
  static constexpr std::string_view long_name = "largest change of an output weight max |beta(t) - beta(0)|";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) { return o.max_output_change; }
};
struct MaxHiddenChangeMetric {
  static constexpr std::string_view name = "max_hidden_change";
  static constexpr std::string_view long_name = "largest change of a hidden unit's weights max_r ||w_r(t) - w_r(0)||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_hidden_change;
  static double value(const Observation& o) { return o.max_hidden_change; }
};
struct TestLossMetric {
  static constexpr std::string_view name = "test_loss";
  static constexpr std::string_view long_name = "loss of the held-out samples";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_test_set;
  static double value(const Observation& o) { return o.test_loss; }
};

struct AccuracyMetric {
  static constexpr std::string_view name = "accuracy";
  static constexpr std::string_view long_name = "share of all training samples that are classified correctly";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_training_set | for_classes;
  static double value(const Observation& o) { return o.accuracy; }
};
struct TestAccuracyMetric {
  static constexpr std::string_view name = "test_accuracy";
  static constexpr std::string_view long_name = "share of the held-out samples that are classified correctly";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_test_set | for_classes;
  static double value(const Observation& o) { return o.test_accuracy; }
};
struct BatchLossMetric {
  static constexpr std::string_view name = "batch_loss";
  static constexpr std::string_view long_name = "loss of the step's batch, with its dropout, without ridge";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_random_steps;
  static double value(const Observation& o) { return o.batch_loss; }
};
struct SignalAlignmentMetric {
  static constexpr std::string_view name = "signal_alignment";
  static constexpr std::string_view long_name =
      "mean over the step's batch of the cosine of a sample's signals beta e and b e";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.signal_cosine; }
};
struct SignalAlignmentDeviationMetric {
  static constexpr std::string_view name = "signal_alignment_deviation";
  static constexpr std::string_view long_name =
      "standard deviation over the step's batch of the cosine of a sample's signals";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.signal_deviation; }
};
struct BatchSignalAlignmentMetric {
  static constexpr std::string_view name = "batch_signal_alignment";
  static constexpr std::string_view long_name = "cosine of the signals beta e and b e summed over the step's batch";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.batch_signal_cosine; }
};

using Metrics = TypeList<LossMetric, RegularizedLossMetric, ErrorNormMetric, AlignmentMetric, GradientAlignmentMetric,
                         OutputNormMetric, HiddenChangeMetric, MaxOutputChangeMetric, MaxHiddenChangeMetric,
                         TestLossMetric, AccuracyMetric, TestAccuracyMetric, BatchLossMetric, SignalAlignmentMetric,
                         SignalAlignmentDeviationMetric, BatchSignalAlignmentMetric>;

/// Traits of a metric, by its position.
[[nodiscard]] inline unsigned traits_of(int metric) {
  return Metrics::visit(metric, [](auto type) { return decltype(type)::type::traits; });
}
/// Traits that any of the chosen metrics has.
[[nodiscard]] inline unsigned traits_of(const std::vector<int>& chosen) {
  unsigned traits = plain;
  for (const int metric : chosen) {
    traits |= traits_of(metric);
  }
  return traits;
}

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
