// What follows from the outputs of a network alone: the error that flows back, the loss, the accuracy, and the signals
// that two ways back would send. Columns are samples.
#pragma once

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "model/metric.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// Sums over samples.
struct OutputSums {
  double loss = 0;
  double squared_error = 0;
  double correct = 0;  // samples whose largest output is that of their target

  OutputSums& operator+=(const OutputSums& other) {
    loss += other.loss;
    squared_error += other.squared_error;
    correct += other.correct;
    return *this;
  }
};

/// log sum_c exp(f_c), without overflow however large the outputs.
template <class Column>
[[nodiscard]] double log_sum_exp(const Column& f) {
  const auto largest = static_cast<double>(f.maxCoeff());
  double sum = 0;
  for (Eigen::Index c = 0; c < f.size(); ++c) {
    sum += std::exp(static_cast<double>(f[c]) - largest);
  }
  return largest + std::log(sum);
}

/// error = prediction - y of one sample; its loss is returned.
template <class Column, class Target, class Error>
double take_error(LossFunction loss, const Column& f, const Target& y, Error error) {
  if (loss == LossFunction::squared) {
    error = f - y;
    return 0.5 * error.template cast<double>().squaredNorm();
  }
  using Scalar = typename Error::Scalar;
  const double log_sum = log_sum_exp(f);
  double sum = 0;
  for (Eigen::Index c = 0; c < f.size(); ++c) {
    const double log_share = static_cast<double>(f[c]) - log_sum;
    error[c] = static_cast<Scalar>(std::exp(log_share)) - y[c];
    sum -= y[c] == 0 ? 0.0 : static_cast<double>(y[c]) * log_share;
  }
  return sum;
}

/// errors = predictions - targets; shapes outputs x samples.
template <class Outputs, class Targets, class Errors>
[[nodiscard]] OutputSums take_errors(LossFunction loss, const Outputs& outputs, const Targets& targets,
                                     Errors&& errors) {
  OutputSums sums;
  for (Eigen::Index i = 0; i < outputs.cols(); ++i) {
    sums.loss += take_error(loss, outputs.col(i), targets.col(i), errors.col(i));
    Eigen::Index guess = 0;
    Eigen::Index truth = 0;
    outputs.col(i).maxCoeff(&guess);
    targets.col(i).maxCoeff(&truth);
    sums.correct += guess == truth ? 1 : 0;
  }
  sums.squared_error = errors.template cast<double>().squaredNorm();
  return sums;
}

/// The signals beta e and b e need not be made: their products are quadratic forms in the weights' Gram matrices.
class SignalGrams {
 public:
  /// Width x outputs.
  SignalGrams(const Eigen::MatrixXd& output_weight, const Eigen::MatrixXd& feedback)
      : output_(output_weight.transpose() * output_weight),
        feedback_(feedback.transpose() * feedback),
        mixed_(output_weight.transpose() * feedback) {}

  /// The signal metrics of a batch with these errors, outputs x samples.
  void observe(const Eigen::MatrixXd& errors, Observation& o) const {
    Eigen::ArrayXd cosines(errors.cols());  // Eigen's own memory: sums over another's depend on where it lies
    Eigen::Index count = 0;
    for (Eigen::Index i = 0; i < errors.cols(); ++i) {
      cosines[count] = cosine_of(errors.col(i));
      count += std::isnan(cosines[count]) ? 0 : 1;
    }
    if (count > 0) {
      o.signal_cosine = cosines.head(count).mean();
      o.signal_deviation = std::sqrt((cosines.head(count) - o.signal_cosine).square().mean());
    }
    o.batch_signal_cosine = cosine_of(errors.rowwise().sum());
  }

 private:
  /// NaN when a signal is too small to have a direction.
  [[nodiscard]] double cosine_of(const Eigen::VectorXd& e) const {
    const double output_square = e.dot(output_ * e);
    const double feedback_square = e.dot(feedback_ * e);
    if (!(std::min(output_square, feedback_square) > least_signal_square)) {
      return not_a_number;
    }
    return cosine(e.dot(mixed_ * e), output_square, feedback_square);
  }

  Eigen::MatrixXd output_;    // beta^T beta
  Eigen::MatrixXd feedback_;  // b^T b
  Eigen::MatrixXd mixed_;     // beta^T b
};

}  // namespace fasweep
