// The sums that describe a network at a recorded step, which every solver fills on its fast path. Most metrics are
// functions of them (model/metric/); those that are not read a snapshot (model/snapshot.hpp).
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

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
  double without_signal = not_a_number;       // samples that those two leave out; NaN with one output
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

}  // namespace fasweep
