// The oracle of the solvers: every activation and rule written as plain loops over float64 numbers, straight from
// Song, Xu, Lafferty (2021), eq. 2.1-2.3 and 4.1, with e = f - y and the decay factor (1 - eta lambda). Shares no code
// with the solvers: activations and rules are spelt out again, in tables by name.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/metric.hpp"
#include "model/problem.hpp"

namespace fasweep::testing {

struct PlainActivation {
  std::string_view name;
  double (*psi)(double z);
  double (*psi_prime)(double z);
};
inline double plain_sigmoid(double z) {
  return 1 / (1 + std::exp(-z));
}
inline double plain_normal(double z) {
  return std::erfc(-z / std::sqrt(2.0)) / 2;
}
inline double plain_normal_density(double z) {
  return std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0));
}
inline const std::vector<PlainActivation> plain_activations{
    {"linear", [](double z) { return z; }, [](double) { return 1.0; }},
    {"relu", [](double z) { return z > 0 ? z : 0.0; }, [](double z) { return z > 0 ? 1.0 : 0.0; }},
    {"tanh", [](double z) { return std::tanh(z); }, [](double z) { return 1 - std::tanh(z) * std::tanh(z); }},
    {"sigmoid", plain_sigmoid, [](double z) { return plain_sigmoid(z) * (1 - plain_sigmoid(z)); }},
    {"softplus", [](double z) { return std::log1p(std::exp(z)); }, plain_sigmoid},
    {"gelu", [](double z) { return z * plain_normal(z); },
     [](double z) { return plain_normal(z) + z * plain_normal_density(z); }},
    {"erf", [](double z) { return std::erf(z); },
     [](double z) { return 2 * std::exp(-z * z) / std::sqrt(std::acos(-1.0)); }},
};

struct PlainRule {
  std::string_view name;
  double (*feedback)(double b, double beta);
  double (*teaching)(double e, double y);
  bool learns_feedback;  // by beta's update
};
inline const std::vector<PlainRule> plain_rules{
    {"feedback-alignment", [](double b, double) { return b; }, [](double e, double) { return e; }, false},
    {"backprop", [](double, double beta) { return beta; }, [](double e, double) { return e; }, false},
    {"kolen-pollack", [](double b, double) { return b; }, [](double e, double) { return e; }, true},
    {"drtp", [](double b, double) { return b; }, [](double, double y) { return -y; }, false},
};

/// The entry called `name`; throws for any other name, so that no test takes one thing for another.
template <class Entry>
[[nodiscard]] const Entry& find_plain(const std::vector<Entry>& table, std::string_view name) {
  for (const Entry& entry : table) {
    if (entry.name == name) {
      return entry;
    }
  }
  throw std::logic_error("the plain reference does not know '" + std::string(name) + "'; write it here too");
}

struct PlainNetwork {
  const Problem& problem;
  std::string_view activation;
  std::string_view rule;
  std::vector<double> initial_w = problem.hidden_weight();
  std::vector<double> w = initial_w;
  std::vector<double> beta = problem.output_weight;
  std::vector<double> b = problem.feedback;
  const PlainActivation& function = find_plain(plain_activations, activation);
  const PlainRule& way_back = find_plain(plain_rules, rule);

  [[nodiscard]] double psi(double z) const { return function.psi(z); }
  [[nodiscard]] double psi_prime(double z) const { return function.psi_prime(z); }
  [[nodiscard]] double feedback(int unit) const {
    const auto r = static_cast<std::size_t>(unit);
    return way_back.feedback(b[r], beta[r]);
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

  /// S(v): the update of W that what teaches, from error e and target y, and feedback v make, width x inputs.
  template <class Feedback>
  [[nodiscard]] std::vector<double> hidden_gradient(Feedback v, double (*teaching)(double e, double y)) const {
    std::vector<double> gradient(w.size(), 0.0);
    for (int i = 0; i < problem.samples; ++i) {
      const double t = teaching(error(i), problem.y[static_cast<std::size_t>(i)]);
      for (int r = 0; r < problem.width; ++r) {
        const double signal = t * v(r) * psi_prime(pre_activation(i, r)) / std::sqrt(problem.width);
        for (int k = 0; k < problem.inputs; ++k) {
          gradient[at(r, k)] += signal * problem.x[at(i, k)];
        }
      }
    }
    return gradient;
  }
  [[nodiscard]] std::vector<double> rule_gradient() const {
    return hidden_gradient([this](int r) { return feedback(r); }, way_back.teaching);
  }
  [[nodiscard]] std::vector<double> backprop_gradient() const {
    return hidden_gradient([this](int r) { return beta[static_cast<std::size_t>(r)]; },
                           find_plain(plain_rules, "backprop").teaching);
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
      b[r] = way_back.learns_feedback ? (1 - step_size * ridge) * b[r] - step_size * output[r] : b[r];
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
    o.feedback_square = dot(b, b);
    o.feedback_dot_output = dot(b, beta);
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
