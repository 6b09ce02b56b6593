// The oracle of the solvers: feedback alignment and backprop written as plain loops over float64 numbers, straight from
// Song, Xu, Lafferty (2021), eq. 2.1-2.3 and 4.1, with e = f - y and the decay factor (1 - eta lambda). Shares no code
// with the solvers: activations and rules are spelt out again, by name.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "model/metric.hpp"
#include "model/problem.hpp"

namespace fasweep::testing {

struct PlainNetwork {
  const Problem& problem;
  std::string_view activation;
  std::string_view rule;
  std::vector<double> initial_w = problem.hidden_weight();
  std::vector<double> w = initial_w;
  std::vector<double> beta = problem.output_weight;

  [[nodiscard]] double psi(double z) const {
    if (activation == "linear") {
      return z;
    }
    if (activation == "relu") {
      return z > 0 ? z : 0;
    }
    if (activation == "tanh") {
      return std::tanh(z);
    }
    if (activation == "sigmoid") {
      return 1 / (1 + std::exp(-z));
    }
    throw std::logic_error("the plain reference does not know this activation; write it here too");
  }
  [[nodiscard]] double psi_prime(double z) const {
    if (activation == "linear") {
      return 1;
    }
    if (activation == "relu") {
      return z > 0 ? 1 : 0;
    }
    if (activation == "tanh") {
      return 1 - std::tanh(z) * std::tanh(z);
    }
    return psi(z) * (1 - psi(z));
  }
  [[nodiscard]] double feedback(int unit) const {
    const auto r = static_cast<std::size_t>(unit);
    if (rule == "feedback-alignment") {
      return problem.feedback[r];
    }
    if (rule == "backprop") {
      return beta[r];
    }
    throw std::logic_error("the plain reference does not know this rule; write it here too");
  }

  /// z_ir of sample i (test samples follow the training samples) and unit r.
  [[nodiscard]] double pre_activation(int sample, int unit) const {
    double z = 0;
    for (int k = 0; k < problem.inputs; ++k) {
      z += problem.x[at(sample, k)] * w[at(unit, k)];
    }
    return z;
  }

  /// f_i - y_i.
  [[nodiscard]] double error(int sample) const {
    double f = 0;
    for (int r = 0; r < problem.width; ++r) {
      f += psi(pre_activation(sample, r)) * beta[static_cast<std::size_t>(r)];
    }
    return f / std::sqrt(problem.width) - problem.y[static_cast<std::size_t>(sample)];
  }

  [[nodiscard]] double loss() const {
    double sum = 0;
    for (int i = 0; i < problem.samples; ++i) {
      sum += error(i) * error(i);
    }
    return sum / 2;
  }

  /// S(v): the update of W that error e and feedback v make, width x inputs.
  template <class Feedback>
  [[nodiscard]] std::vector<double> hidden_gradient(Feedback v) const {
    std::vector<double> gradient(w.size(), 0.0);
    for (int i = 0; i < problem.samples; ++i) {
      const double e = error(i);
      for (int r = 0; r < problem.width; ++r) {
        const double signal = e * v(r) * psi_prime(pre_activation(i, r)) / std::sqrt(problem.width);
        for (int k = 0; k < problem.inputs; ++k) {
          gradient[at(r, k)] += signal * problem.x[at(i, k)];
        }
      }
    }
    return gradient;
  }
  [[nodiscard]] std::vector<double> rule_gradient() const {
    return hidden_gradient([this](int r) { return feedback(r); });
  }
  [[nodiscard]] std::vector<double> backprop_gradient() const {
    return hidden_gradient([this](int r) { return beta[static_cast<std::size_t>(r)]; });
  }

  [[nodiscard]] std::vector<double> output_gradient() const {
    std::vector<double> gradient(beta.size(), 0.0);
    for (int i = 0; i < problem.samples; ++i) {
      const double e = error(i);
      for (int r = 0; r < problem.width; ++r) {
        gradient[static_cast<std::size_t>(r)] += e * psi(pre_activation(i, r)) / std::sqrt(problem.width);
      }
    }
    return gradient;
  }

  void advance(double step_size, double ridge) {
    const std::vector<double> hidden = rule_gradient();
    const std::vector<double> output = output_gradient();
    for (std::size_t k = 0; k < w.size(); ++k) {
      w[k] -= step_size * hidden[k];
    }
    for (std::size_t r = 0; r < beta.size(); ++r) {
      beta[r] = (1 - step_size * ridge) * beta[r] - step_size * output[r];
    }
  }

  [[nodiscard]] Observation observe() const {
    Observation o;
    o.squared_error = 2 * loss();
    double test_square = problem.test_samples > 0 ? 0 : not_a_number;
    for (int i = problem.samples; i < problem.samples + problem.test_samples; ++i) {
      test_square += error(i) * error(i);
    }
    const std::vector<double> rule_s = rule_gradient();
    const std::vector<double> backprop_s = backprop_gradient();
    o.output_square = dot(beta, beta);
    o.feedback_square = dot(problem.feedback, problem.feedback);
    o.feedback_dot_output = dot(problem.feedback, beta);
    complete_single_output(test_square, o);
    o.rule_gradient_square = dot(rule_s, rule_s);
    o.backprop_gradient_square = dot(backprop_s, backprop_s);
    o.gradient_dot = dot(rule_s, backprop_s);
    for (int r = 0; r < problem.width; ++r) {
      const auto unit = static_cast<std::size_t>(r);
      o.max_output_change = std::max(o.max_output_change, std::abs(beta[unit] - problem.output_weight[unit]));
      double square = 0;
      for (int k = 0; k < problem.inputs; ++k) {
        const double change = w[at(r, k)] - initial_w[at(r, k)];
        square += change * change;
      }
      o.hidden_change_square += square;
      o.max_hidden_change = std::max(o.max_hidden_change, std::sqrt(square));
    }
    return o;
  }

  [[nodiscard]] std::size_t at(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(problem.inputs) + static_cast<std::size_t>(column);
  }
  static double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum += a[i] * b[i];
    }
    return sum;
  }
};

}  // namespace fasweep::testing
