// The oracle of networks with several outputs, biases, minibatches and dropout: plain loops over float64 numbers,
// straight from the definitions in model/run_spec.hpp. Shares no code with the solver but the choice of a step's batch
// and mask, which it is given.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/cpu/plain_reference.hpp"
#include "model/run_spec.hpp"

namespace fasweep::testing {

using Numbers = std::vector<double>;
using Rows = std::span<const std::int32_t>;

struct PlainMinibatches {
  const Problem& problem;
  const TrainingSettings& training;
  std::string_view activation;
  std::string_view rule;
  Numbers w = problem.hidden_weight();   // width x inputs
  Numbers beta = problem.output_weight;  // width x outputs
  Numbers b = problem.feedback;          // likewise
  Numbers hidden_bias = Numbers(static_cast<std::size_t>(problem.width), 0.0);
  Numbers output_bias = Numbers(static_cast<std::size_t>(problem.outputs), 0.0);
  /// Factor of a unit for the i-th sample of the batch.
  std::function<double(int sample, int unit)> mask = [](int, int) { return 1.0; };
  PlainNetwork functions{problem, activation, rule};

  struct Gradients {
    Numbers w;
    Numbers beta;
    Numbers hidden_bias;
    Numbers output_bias;
  };

  [[nodiscard]] double output_scale() const {
    return training.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(problem.width);
  }
  [[nodiscard]] double share(std::size_t rows) const {
    return training.reduction == Reduction::mean ? 1.0 / static_cast<double>(rows) : 1;
  }
  [[nodiscard]] std::size_t at(int row, int column) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(problem.inputs) + static_cast<std::size_t>(column);
  }
  [[nodiscard]] std::size_t to(int unit, int output) const {
    return static_cast<std::size_t>(unit) * static_cast<std::size_t>(problem.outputs) +
           static_cast<std::size_t>(output);
  }

  [[nodiscard]] double pre_activation(int sample, int unit) const {
    double z = hidden_bias[static_cast<std::size_t>(unit)];
    for (int j = 0; j < problem.inputs; ++j) {
      z += problem.x[at(sample, j)] * w[at(unit, j)];
    }
    return z;
  }
  /// f of a sample; the i-th of its batch.
  [[nodiscard]] Numbers outputs(int sample, int i) const {
    Numbers f = output_bias;
    for (int r = 0; r < problem.width; ++r) {
      const double h = functions.psi(pre_activation(sample, r)) * mask(i, r);
      for (int c = 0; c < problem.outputs; ++c) {
        f[static_cast<std::size_t>(c)] += output_scale() * h * beta[to(r, c)];
      }
    }
    return f;
  }
  [[nodiscard]] double target(int sample, int c) const { return problem.y[to(sample, c)]; }

  [[nodiscard]] static Numbers softmax(const Numbers& f) {
    Numbers shares;
    double sum = 0;
    for (const double value : f) {
      shares.push_back(std::exp(value));
      sum += shares.back();
    }
    for (double& value : shares) {
      value /= sum;
    }
    return shares;
  }
  [[nodiscard]] Numbers error(int sample, int i) const {
    const bool squared = training.loss == LossFunction::squared;
    Numbers e = squared ? outputs(sample, i) : softmax(outputs(sample, i));
    for (int c = 0; c < problem.outputs; ++c) {
      e[static_cast<std::size_t>(c)] -= target(sample, c);
    }
    return e;
  }
  [[nodiscard]] double loss(Rows rows) const {
    double sum = 0;
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
      const int sample = rows[static_cast<std::size_t>(i)];
      const Numbers e = error(sample, i);
      const Numbers shares = softmax(outputs(sample, i));
      for (int c = 0; c < problem.outputs; ++c) {
        const auto at_c = static_cast<std::size_t>(c);
        sum += training.loss == LossFunction::squared ? 0.5 * e[at_c] * e[at_c]
                                                      : -target(sample, c) * std::log(shares[at_c]);
      }
    }
    return sum * share(rows.size());
  }
  [[nodiscard]] double accuracy(Rows rows) const {
    double correct = 0;
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
      const int sample = rows[static_cast<std::size_t>(i)];
      const Numbers f = outputs(sample, i);
      const auto guess = std::max_element(f.begin(), f.end()) - f.begin();
      correct += target(sample, static_cast<int>(guess)) == 1 ? 1 : 0;
    }
    return correct / static_cast<double>(rows.size());
  }

  using Teaching = double (*)(double e, double y);
  /// With v in place of the rule's feedback, width x outputs.
  [[nodiscard]] Gradients gradients(Rows rows, const Numbers& v, Teaching teaching) const {
    Gradients g{Numbers(w.size()), Numbers(beta.size()), Numbers(hidden_bias.size()), Numbers(output_bias.size())};
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
      const int sample = rows[static_cast<std::size_t>(i)];
      const Numbers e = error(sample, i);
      for (int r = 0; r < problem.width; ++r) {
        const double z = pre_activation(sample, r);
        double signal = 0;
        for (int c = 0; c < problem.outputs; ++c) {
          const double part = share(rows.size()) * e[static_cast<std::size_t>(c)];
          const double taught = share(rows.size()) * teaching(e[static_cast<std::size_t>(c)], target(sample, c));
          signal += output_scale() * taught * v[to(r, c)] * functions.psi_prime(z) * mask(i, r);
          g.beta[to(r, c)] += output_scale() * part * functions.psi(z) * mask(i, r);
        }
        for (int j = 0; j < problem.inputs; ++j) {
          g.w[at(r, j)] += signal * problem.x[at(sample, j)];
        }
        g.hidden_bias[static_cast<std::size_t>(r)] += signal;
      }
      for (std::size_t c = 0; c < e.size(); ++c) {
        g.output_bias[c] += share(rows.size()) * e[c];
      }
    }
    return g;
  }
  [[nodiscard]] Gradients gradients(Rows rows) const {
    Numbers v;
    for (std::size_t i = 0; i < beta.size(); ++i) {
      v.push_back(functions.way_back.feedback(b[i], beta[i]));
    }
    return gradients(rows, v, functions.way_back.teaching);
  }
  [[nodiscard]] Gradients backprop_gradients(Rows rows) const {
    return gradients(rows, beta, find_plain(plain_rules, "backprop").teaching);
  }

  void advance(Rows rows, double step_size, double ridge) {
    const Gradients g = gradients(rows);
    const auto descend = [&](Numbers& weights, const Numbers& gradient, double decay) {
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = decay * weights[i] - step_size * gradient[i];
      }
    };
    const double decay = 1 - step_size * ridge;
    descend(w, g.w, training.decay == Decay::all ? decay : 1);
    descend(beta, g.beta, decay);
    if (functions.way_back.learns_feedback) {
      descend(b, g.beta, decay);
    }
    if (training.biases) {
      descend(hidden_bias, g.hidden_bias, 1);
      descend(output_bias, g.output_bias, 1);
    }
  }

  /// v e of a sample, one number a unit.
  [[nodiscard]] Numbers signal(const Numbers& v, const Numbers& e) const {
    Numbers result(static_cast<std::size_t>(problem.width), 0.0);
    for (int r = 0; r < problem.width; ++r) {
      for (int c = 0; c < problem.outputs; ++c) {
        result[static_cast<std::size_t>(r)] += v[to(r, c)] * e[static_cast<std::size_t>(c)];
      }
    }
    return result;
  }
  [[nodiscard]] static double angle_cosine(const Numbers& a, const Numbers& b) {
    return PlainNetwork::dot(a, b) / std::sqrt(PlainNetwork::dot(a, a) * PlainNetwork::dot(b, b));
  }
};

}  // namespace fasweep::testing
