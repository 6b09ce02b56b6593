// What follows from the outputs of a network alone: the error that flows back, the loss, the accuracy, and the signals
// that two ways back would send. Columns are samples.
#pragma once

#include <Eigen/Dense>

#include "model/loss/list.hpp"
#include "model/observation.hpp"
#include "model/run_spec.hpp"
#include "model/signal_cosine.hpp"

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

/// error = prediction - y of one sample; its loss is returned.
template <class Loss, class Column, class Target, class Error>
double take_error(const Column& f, const Target& y, Error error) {
  const double shared = Loss::shared(f);
  Loss::take_errors(f, y, shared, error);
  double sum = 0;
  for (Eigen::Index c = 0; c < f.size() && !Loss::is_half_square; ++c) {
    sum += Loss::part(static_cast<double>(f[c]), static_cast<double>(y[c]), shared);
  }
  return Loss::is_half_square ? 0.5 * error.template cast<double>().squaredNorm() : sum;
}

/// errors = predictions - targets; shapes outputs x samples.
template <class Outputs, class Targets, class Errors>
[[nodiscard]] OutputSums take_errors(LossFunction loss, const Outputs& outputs, const Targets& targets,
                                     Errors&& errors) {
  OutputSums sums;
  for (Eigen::Index i = 0; i < outputs.cols(); ++i) {
    sums.loss += visit_loss(loss, [&](auto type) {
      return take_error<typename decltype(type)::type>(outputs.col(i), targets.col(i), errors.col(i));
    });
    Eigen::Index guess = 0;
    Eigen::Index truth = 0;
    outputs.col(i).maxCoeff(&guess);
    targets.col(i).maxCoeff(&truth);
    sums.correct += guess == truth ? 1 : 0;
  }
  sums.squared_error = errors.template cast<double>().squaredNorm();
  return sums;
}

/// The signal metrics of a batch. Weights: width x outputs; errors: outputs x samples.
inline void observe_signals(const Eigen::MatrixXd& output_weight, const Eigen::MatrixXd& feedback,
                            const Eigen::MatrixXd& errors, Observation& o) {
  const auto numbers = [](const Eigen::MatrixXd& matrix) {
    return std::span(matrix.data(), static_cast<std::size_t>(matrix.size()));
  };
  const Eigen::MatrixXd output = output_weight.transpose() * output_weight;
  const Eigen::MatrixXd back = feedback.transpose() * feedback;
  const Eigen::MatrixXd mixed = output_weight.transpose() * feedback;  // only its form is used: either order will do
  observe_signals({numbers(output), numbers(back), numbers(mixed)}, numbers(errors), o);
}

}  // namespace fasweep
