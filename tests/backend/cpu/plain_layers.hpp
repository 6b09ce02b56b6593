// A network of several hidden layers by loops over its numbers, for the layered solver to be held to. Shares with it
// what defines a run: the initial weights, the order of minibatches, the streams of masks; none of how it computes.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/layers.hpp"
#include "model/loss/list.hpp"
#include "model/mirror.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "model/target_propagation.hpp"
#include "reference/plain_formulas.hpp"

namespace fasweep::testing {

/// Row-major.
struct PlainMatrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<double> numbers;

  PlainMatrix(std::size_t r, std::size_t c) : rows(r), columns(c), numbers(r * c, 0.0) {}
  PlainMatrix(std::size_t r, std::size_t c, std::vector<double> n) : rows(r), columns(c), numbers(std::move(n)) {}
  double& operator()(std::size_t i, std::size_t j) { return numbers[i * columns + j]; }
  double operator()(std::size_t i, std::size_t j) const { return numbers[i * columns + j]; }
};

[[nodiscard]] inline double dot(const PlainMatrix& a, const PlainMatrix& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.numbers.size(); ++i) {
    sum += a.numbers[i] * b.numbers[i];
  }
  return sum;
}

/// Weights and what is like them: a gradient.
struct PlainWeights {
  std::vector<PlainMatrix> w;     // W_1 to W_L: units x units below
  std::vector<PlainMatrix> bias;  // of the layers: units x 1
  PlainMatrix beta;               // units x outputs
  PlainMatrix output_bias;        // outputs x 1
};

class PlainLayers {
 public:
  PlainWeights now;
  std::vector<PlainMatrix> back;  // B_2 to B_L, or of a direct rule B_1 to B_{L-1}
  PlainMatrix b;
  std::vector<PlainMatrix> inverse_bias;  // of g_2 to g_{L+1}, one for each hidden layer: units x 1

  PlainLayers(const Problem& problem, const DataSettings& data, const TrainingSettings& training, const RunSpec& run)
      : now{{}, {}, {width(run), outputs(data), problem.output_weight}, {outputs(data), 1}},
        b(width(run), outputs(data), problem.feedback),
        problem_(problem),
        training_(training),
        run_(run),
        psi_(find_plain(plain_activations, Activations::names[static_cast<std::size_t>(run.activation)])),
        loss_(find_plain(plain_losses, loss_function_names[static_cast<std::size_t>(training.loss)])),
        rule_(find_plain(plain_rules, Rules::names[static_cast<std::size_t>(run.rule)])),
        is_direct_(is_direct(run.rule)),
        scale_(training.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(run.width)),
        order_(training, data, run) {
    const std::size_t p = width(run);
    now.w.emplace_back(p, static_cast<std::size_t>(data.inputs), problem.hidden_weight());
    for (int layer = 2; layer <= training.depth; ++layer) {
      inner_weight(problem, training, layer)(0, now.w.emplace_back(p, p).numbers);
      if (is_direct_) {
        direct_feedback(problem, training, layer - 1)(0, back.emplace_back(p, outputs(data)).numbers);
      } else {
        inner_feedback(problem, training, layer)(0, back.emplace_back(p, p).numbers);
      }
    }
    now.bias.assign(now.w.size(), PlainMatrix(p, 1));
    inverse_bias = now.bias;
    if (!problem.hidden_bias.empty()) {
      now.bias[0].numbers = problem.hidden_bias;
      now.output_bias.numbers = problem.output_bias;
    }
    for (int layer = 2; layer <= training.depth; ++layer) {
      now.bias[static_cast<std::size_t>(layer - 1)].numbers = inner_bias(problem, training, layer);
    }
  }

  static bool is_direct(int rule) {
    const std::string_view name = Rules::names[static_cast<std::size_t>(rule)];
    return name == "drtp" || name == "dfa" || name == "sdfa";
  }

  /// Of the samples of step `step`, or of others without dropout, as their shares add up.
  [[nodiscard]] double loss(std::int64_t step) { return visit_batch(step, {}); }
  [[nodiscard]] double loss_of(int first, int count) {
    double sum = 0;
    for (int i = first; i < first + count; ++i) {
      const Sample s = sample(i, {});
      sum += loss_.loss(s.f, s.y) / (training_.reduction == Reduction::mean ? count : 1);
    }
    return sum;
  }

  /// What the rule makes of the step's batch; by_backprop: what backprop would.
  [[nodiscard]] PlainWeights gradient(std::int64_t step, bool by_backprop) {
    PlainWeights g = zeros();
    visit_batch(step, [&](const Sample& s, double share) { add_gradient(s, share, by_backprop, g); });
    return g;
  }

  /// What comes to `layer` (0: the first) of each of the batch's samples.
  [[nodiscard]] std::vector<std::vector<double>> signals(std::int64_t step, std::size_t layer, bool by_backprop) {
    std::vector<std::vector<double>> all;
    visit_batch(step, [&](const Sample& s, double) { all.push_back(way_back(s, by_backprop).signal[layer]); });
    return all;
  }
  /// H of `layer`, a row a sample.
  [[nodiscard]] std::vector<std::vector<double>> values(std::int64_t step, std::size_t layer) {
    std::vector<std::vector<double>> all;
    visit_batch(step, [&](const Sample& s, double) { all.push_back(s.h[layer]); });
    return all;
  }

  /// H' of `layer`, 0 the first, of each of the batch's samples under target propagation, a row a sample.
  [[nodiscard]] std::vector<std::vector<double>> targets(std::int64_t step, std::size_t layer) {
    std::vector<std::vector<double>> all;
    visit_batch(step, [&](const Sample& s, double) { all.push_back(targets_of(s)[layer]); });
    return all;
  }

  /// Mean over the batch of 1/2 ||g(f(h~)) - h~||^2 of the inverse that leads back to `layer`, 0 the first.
  [[nodiscard]] double inverse_loss(std::int64_t step, std::size_t layer) {
    double sum = 0;
    visit_noisy(step, layer, [&](const std::vector<double>& noisy, const std::vector<double>& above, double share) {
      for (std::size_t r = 0; r < noisy.size(); ++r) {
        const double wrong = psi_.psi(inverse_input(layer, r, above)) - noisy[r];
        sum += share / 2 * wrong * wrong;
      }
    });
    return sum;
  }

  /// The weight by which unit r of `layer` is given back from unit or output c above it.
  double& inverse_weight(std::size_t layer, std::size_t r, std::size_t c) {
    return layer + 1 == now.w.size() ? b(r, c) : back[layer](c, r);
  }

  /// A step of every inverse that the rule has, from the weights and the batch of step `step`.
  void learn_inverses(std::int64_t step) {
    const std::size_t depth = now.w.size();
    for (std::size_t l = 0; l < depth - (rule_.inverts_outputs ? 0 : 1); ++l) {
      PlainMatrix slope(width(run_), l + 1 == depth ? b.columns : width(run_));
      PlainMatrix bias_slope(width(run_), 1);
      visit_noisy(step, l, [&](const std::vector<double>& noisy, const std::vector<double>& above, double share) {
        for (std::size_t r = 0; r < noisy.size(); ++r) {
          const double a = inverse_input(l, r, above);
          const double wrong = (psi_.psi(a) - noisy[r]) * psi_.psi_prime(a);
          for (std::size_t c = 0; c < above.size(); ++c) {
            slope(r, c) += share * scale_ * wrong * above[c];
          }
          bias_slope.numbers[r] += share * wrong;
        }
      });
      for (std::size_t r = 0; r < slope.rows; ++r) {
        for (std::size_t c = 0; c < slope.columns; ++c) {
          inverse_weight(l, r, c) -= training_.inverse_step_size * slope(r, c);
        }
        inverse_bias[l].numbers[r] -= training_.biases ? training_.inverse_step_size * bias_slope.numbers[r] : 0;
      }
    }
  }

  void advance(std::int64_t step) {
    const bool alternates = training_.inverse_updates == InverseUpdates::alternating;
    if (rule_.propagates_targets && alternates) {
      learn_inverses(step);
    }
    const PlainWeights g = gradient(step, false);
    if (rule_.propagates_targets && !alternates) {
      learn_inverses(step);
    }
    const double eta = run_.step_size;
    const double decay = 1 - eta * run_.ridge;
    const auto kept = [&](std::size_t layer) { return (training_.decay.layers >> layer) % 2 == 1 ? decay : 1; };
    const double richness = training_.richness;
    const double hidden = rule_.feedback(0, 1) != 0 && richness > 0 ? eta * richness * richness * run_.width : eta;
    const auto descend = [](PlainMatrix& w, const PlainMatrix& by, double keep, double size) {
      for (std::size_t i = 0; i < w.numbers.size(); ++i) {
        w.numbers[i] = keep * w.numbers[i] - size * by.numbers[i];
      }
    };
    for (std::size_t l = 0; l < now.w.size(); ++l) {
      descend(now.w[l], g.w[l], kept(l + 1), hidden);
      if (l > 0 && rule_.learns_feedback) {
        descend(back[l - 1], g.w[l], kept(l + 1), hidden);
      }
      if (training_.biases) {
        descend(now.bias[l], g.bias[l], 1, hidden);
      }
    }
    descend(now.beta, g.beta, kept(0), eta);
    if (rule_.learns_feedback) {
      descend(b, g.beta, kept(0), eta);
    }
    if (rule_.mirrors) {
      mirror(step);
    }
    if (training_.biases) {
      descend(now.output_bias, g.output_bias, 1, eta);
    }
  }

  [[nodiscard]] double scale() const { return scale_; }

 private:
  /// b <- b + a (mean xi (xi w) - c b) for weights w from the units that send xi, w(sender, receiver).
  void mirror(std::int64_t step) {
    const std::size_t p = width(run_);
    const auto learn = [&](int layer, PlainMatrix& feedback, std::size_t receivers, const auto& weight,
                           const auto& place) {
      const std::vector<double> noise = noise_of_step(problem_, training_, layer, step);
      for (std::size_t r = 0; r < p; ++r) {
        for (std::size_t c = 0; c < receivers; ++c) {
          double mean = 0;
          for (std::size_t j = 0; j * p < noise.size(); ++j) {
            double answer = 0;
            for (std::size_t i = 0; i < p; ++i) {
              answer += noise[j * p + i] * weight(i, c);
            }
            mean += noise[j * p + r] * answer / training_.mirror_samples;
          }
          double& number = place(feedback, r, c);
          number += training_.mirror_step_size * (mean - training_.mirror_decay * number);
        }
      }
    };
    learn(
        training_.depth, b, now.beta.columns, [&](std::size_t i, std::size_t c) { return now.beta(i, c); },
        [](PlainMatrix& m, std::size_t r, std::size_t c) -> double& { return m(r, c); });
    for (std::size_t l = 1; l < now.w.size(); ++l) {
      learn(
          static_cast<int>(l), back[l - 1], p, [&](std::size_t i, std::size_t c) { return now.w[l](c, i); },
          [](PlainMatrix& m, std::size_t r, std::size_t c) -> double& { return m(c, r); });
    }
  }

  struct Sample {
    std::vector<double> x;
    std::vector<double> y;
    std::vector<std::vector<double>> z;
    std::vector<std::vector<double>> h;
    std::vector<std::vector<double>> mask;
    std::vector<double> f;
    std::vector<double> error;
  };
  struct WayBack {
    std::vector<std::vector<double>> signal;
    std::vector<std::vector<double>> delta;
  };
  using Mask = std::function<std::vector<double>(std::size_t layer)>;

  static std::size_t width(const RunSpec& run) { return static_cast<std::size_t>(run.width); }
  static std::size_t outputs(const DataSettings& data) { return static_cast<std::size_t>(data.outputs); }

  [[nodiscard]] PlainWeights zeros() const {
    PlainWeights g = now;
    for (PlainMatrix* m : {&g.beta, &g.output_bias}) {
      std::fill(m->numbers.begin(), m->numbers.end(), 0.0);
    }
    for (std::size_t l = 0; l < g.w.size(); ++l) {
      std::fill(g.w[l].numbers.begin(), g.w[l].numbers.end(), 0.0);
      std::fill(g.bias[l].numbers.begin(), g.bias[l].numbers.end(), 0.0);
    }
    return g;
  }

  double visit_batch(std::int64_t step, const std::function<void(const Sample&, double)>& visit) {
    const auto most = static_cast<std::int64_t>(order_.rows(0).size());
    const std::span<const std::int32_t> rows = order_.rows(step);
    const double share = training_.reduction == Reduction::mean ? 1 / static_cast<double>(rows.size()) : 1;
    double loss = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Mask mask = [&](std::size_t layer) {
        std::vector<double> uniform(width(run_));
        const std::uint64_t stride = (uniform.size() + 1) / 2 * 2;
        layer_masks(seed_of_training(run_), run_.width, static_cast<int>(layer) + 1)
            .fill_uniform(uniform, static_cast<std::uint64_t>(step * most + static_cast<std::int64_t>(i)) * stride);
        for (double& u : uniform) {
          u = u < training_.dropout ? 0 : 1 / (1 - training_.dropout);
        }
        return uniform;
      };
      const Sample s = sample(rows[i], training_.dropout > 0 ? mask : Mask());
      loss += share * loss_.loss(s.f, s.y);
      if (visit) {
        visit(s, share);
      }
    }
    return loss;
  }

  [[nodiscard]] Sample sample(int row, const Mask& mask) const {
    Sample s;
    const auto d = static_cast<std::size_t>(problem_.inputs);
    const auto k = static_cast<std::size_t>(problem_.outputs);
    const auto first = static_cast<std::size_t>(row);
    s.x.assign(&problem_.x[first * d], &problem_.x[first * d] + d);
    s.y.assign(&problem_.y[first * k], &problem_.y[first * k] + k);
    std::vector<double> below = s.x;
    for (std::size_t l = 0; l < now.w.size(); ++l) {
      const double scale = l == 0 ? 1 : scale_;
      s.mask.push_back(mask ? mask(l) : std::vector<double>(now.w[l].rows, 1.0));
      s.z.emplace_back();
      s.h.emplace_back();
      for (std::size_t r = 0; r < now.w[l].rows; ++r) {
        double z = 0;
        for (std::size_t j = 0; j < below.size(); ++j) {
          z += now.w[l](r, j) * below[j];
        }
        s.z[l].push_back(scale * z + now.bias[l].numbers[r]);
        s.h[l].push_back(psi_.psi(s.z[l][r]));
      }
      below = seen(s, l);
    }
    for (std::size_t c = 0; c < k; ++c) {
      double f = 0;
      for (std::size_t r = 0; r < below.size(); ++r) {
        f += now.beta(r, c) * below[r];
      }
      s.f.push_back(scale_ * f + now.output_bias.numbers[c]);
    }
    s.error.resize(k);
    loss_.take_errors(s.f, s.y, s.error);
    return s;
  }

  static std::vector<double> seen(const Sample& s, std::size_t layer) {
    std::vector<double> values = s.h[layer];
    for (std::size_t r = 0; r < values.size(); ++r) {
      values[r] *= s.mask[layer][r];
    }
    return values;
  }

  /// visit(h~, what the layer or the outputs above make of it, 1 / samples) for each sample of the batch.
  template <class Visit>
  void visit_noisy(std::int64_t step, std::size_t layer, Visit visit) {
    const std::size_t p = width(run_);
    const std::size_t count = order_.rows(step).size();
    const std::vector<double> noise =
        noise_of_inverse(problem_, training_, static_cast<int>(layer) + 1, step, static_cast<int>(count));
    std::size_t i = 0;
    visit_batch(step, [&](const Sample& s, double) {
      std::vector<double> noisy = seen(s, layer);
      for (std::size_t r = 0; r < p; ++r) {
        noisy[r] += training_.inverse_noise * noise[i * p + r];
      }
      const bool is_last = layer + 1 == now.w.size();
      std::vector<double> above(is_last ? s.f.size() : p);
      for (std::size_t c = 0; c < above.size(); ++c) {
        double z = is_last ? now.output_bias.numbers[c] : now.bias[layer + 1].numbers[c];
        for (std::size_t r = 0; r < p; ++r) {
          z += scale_ * (is_last ? now.beta(r, c) : now.w[layer + 1](c, r)) * noisy[r];
        }
        above[c] = is_last ? z : psi_.psi(z);
      }
      visit(noisy, above, 1 / static_cast<double>(count));
      ++i;
    });
  }

  [[nodiscard]] double inverse_input(std::size_t layer, std::size_t r, const std::vector<double>& above) const {
    double a = inverse_bias[layer].numbers[r];
    for (std::size_t c = 0; c < above.size(); ++c) {
      a += scale_ * (layer + 1 == now.w.size() ? b(r, c) : back[layer](c, r)) * above[c];
    }
    return a;
  }

  /// H' of every layer.
  [[nodiscard]] std::vector<std::vector<double>> targets_of(const Sample& s) const {
    const std::size_t depth = now.w.size();
    std::vector<std::vector<double>> targets(depth);
    for (std::size_t l = depth; l-- > 0;) {
      const bool is_last = l + 1 == depth;
      const std::vector<double> above = is_last ? s.f : seen(s, l + 1);
      std::vector<double> wanted = above;
      for (std::size_t c = 0; c < above.size(); ++c) {
        wanted[c] = is_last ? s.f[c] - training_.target_step_size * s.error[c] : targets[l + 1][c];
      }
      targets[l] = seen(s, l);
      for (std::size_t r = 0; r < targets[l].size(); ++r) {
        if (is_last && !rule_.inverts_outputs) {
          for (std::size_t c = 0; c < s.error.size(); ++c) {
            targets[l][r] -= training_.target_step_size * scale_ * now.beta(r, c) * s.error[c];
          }
        } else {
          targets[l][r] += psi_.psi(inverse_input(l, r, wanted)) - psi_.psi(inverse_input(l, r, above));
        }
      }
    }
    return targets;
  }

  [[nodiscard]] WayBack way_back_of_targets(const Sample& s) const {
    const std::vector<std::vector<double>> targets = targets_of(s);
    WayBack way{targets, targets};
    for (std::size_t l = 0; l < targets.size(); ++l) {
      const std::vector<double> h = seen(s, l);
      for (std::size_t r = 0; r < h.size(); ++r) {
        const double local = (h[r] - targets[l][r]) / training_.target_step_size;
        way.signal[l][r] = local / scale_;
        way.delta[l][r] = local * psi_.psi_prime(s.z[l][r]) * s.mask[l][r];
      }
    }
    return way;
  }

  [[nodiscard]] WayBack way_back(const Sample& s, bool by_backprop) const {
    if (rule_.propagates_targets && !by_backprop) {
      return way_back_of_targets(s);
    }
    const PlainRule& rule = by_backprop ? find_plain(plain_rules, "backprop") : rule_;
    const bool direct = is_direct_ && !by_backprop;
    const std::size_t depth = now.w.size();
    const double size = 1 / (scale_ * std::sqrt(static_cast<double>(now.w[0].rows)));  // of W_2, W_3, ... at the start
    WayBack way{std::vector<std::vector<double>>(depth), std::vector<std::vector<double>>(depth)};
    for (std::size_t l = depth; l-- > 0;) {
      for (std::size_t r = 0; r < now.w[l].rows; ++r) {
        double sum = 0;
        if (l + 1 == depth || direct) {
          for (std::size_t c = 0; c < s.error.size(); ++c) {
            const double v = l + 1 == depth ? rule.feedback(b(r, c), now.beta(r, c)) : rule.feedback(back[l](r, c), 0);
            sum += v * rule.teaching(s.error[c], s.y[c]);
          }
        } else {
          for (std::size_t a = 0; a < now.w[l + 1].rows; ++a) {
            const double feedback = is_direct_ ? 0 : back[l](a, r);
            sum += size * rule.feedback(feedback / size, now.w[l + 1](a, r) / size) * way.delta[l + 1][a];
          }
        }
        way.signal[l].push_back(sum);
        way.delta[l].push_back(scale_ * sum * psi_.psi_prime(s.z[l][r]) * s.mask[l][r]);
      }
    }
    return way;
  }

  void add_gradient(const Sample& s, double share, bool by_backprop, PlainWeights& g) const {
    const WayBack way = way_back(s, by_backprop);
    for (std::size_t l = 0; l < g.w.size(); ++l) {
      const std::vector<double> below = l == 0 ? s.x : seen(s, l - 1);
      const double scale = l == 0 ? share : share * scale_;
      for (std::size_t r = 0; r < g.w[l].rows; ++r) {
        for (std::size_t j = 0; j < below.size(); ++j) {
          g.w[l](r, j) += scale * way.delta[l][r] * below[j];
        }
        g.bias[l].numbers[r] += share * way.delta[l][r];
      }
    }
    const std::vector<double> last = seen(s, g.w.size() - 1);
    for (std::size_t c = 0; c < s.error.size(); ++c) {
      for (std::size_t r = 0; r < last.size(); ++r) {
        g.beta(r, c) += share * scale_ * last[r] * s.error[c];
      }
      g.output_bias.numbers[c] += share * s.error[c];
    }
  }

  const Problem& problem_;
  TrainingSettings training_;
  RunSpec run_;
  const PlainActivation& psi_;
  const PlainLoss& loss_;
  const PlainRule& rule_;
  bool is_direct_;
  double scale_;
  BatchOrder order_;
};

}  // namespace fasweep::testing
