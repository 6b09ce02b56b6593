// Difference target propagation: that its plain loops, to which layered_test.cpp holds the solver, are what
// model/target_propagation.hpp says, by finite differences and where inverses are exact; and that linear networks with
// fixed inverses are those of feedback alignment.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/plain_layers.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

using testing::expect_close;
using testing::PlainLayers;
using testing::PlainMatrix;
using testing::PlainWeights;
using testing::TrainingCase;
using testing::value_at;
using Numbers = std::vector<std::vector<double>>;  // a row a sample

constexpr int lees = Rules::index_of<DifferenceTargetPropagation>();
constexpr int simplified = Rules::index_of<SimplifiedDifferenceTargetPropagation>();

struct TargetCase : TrainingCase {
  TargetCase(int depth, int activation, int rule, std::int64_t steps) : TrainingCase(9, 6, 8, activation, rule, steps) {
    data.input_law = InputLaw::gaussian_scaled;
    training.depth = depth;
    training.biases = true;
    training.target_step_size = 0.5;
    solver = Solver::layered;
    run.step_size = 0.02;
  }
  [[nodiscard]] PlainLayers plain(const Problem& problem) const { return {problem, data, training, run}; }
  [[nodiscard]] RunRecord train(const Problem& problem) const {
    RunRecord made = make_cpu_trainer()->train(request(problem)).at(0);
    EXPECT_EQ(made.error, "");
    return made;
  }
};

double square_distance(const Numbers& a, const Numbers& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t r = 0; r < a[i].size(); ++r) {
      sum += (a[i][r] - b[i][r]) * (a[i][r] - b[i][r]);
    }
  }
  return sum;
}

/// The slope of loss() in a number, by central differences.
template <class Loss>
double slope_of(double& number, Loss loss) {
  constexpr double step = 1e-5;
  const double kept = number;
  number = kept + step;
  const double above = loss();
  number = kept - step;
  const double below = loss();
  number = kept;
  return (above - below) / (2 * step);
}

TEST(TargetPropagation, EveryLayerDescendsItsLocalLoss) {
  for (const int rule : {lees, simplified}) {
    for (int depth = 1; depth <= 3; ++depth) {
      const TargetCase c(depth, Activations::index_of<Tanh>(), rule, 1);
      const Problem problem = c.problem();
      PlainLayers plain = c.plain(problem);
      const PlainWeights g = plain.gradient(0, false);
      for (std::size_t l = 0; l < g.w.size(); ++l) {
        const Numbers targets = plain.targets(0, l);
        const auto local_loss = [&] { return square_distance(plain.values(0, l), targets) / (2 * 0.5); };
        for (std::size_t i = 0; i < g.w[l].numbers.size(); i += 3) {
          // Central differences err by the square of their step, 1e-10, and by rounding over it, 1e-11.
          EXPECT_NEAR(slope_of(plain.now.w[l].numbers[i], local_loss), g.w[l].numbers[i], 1e-8) << depth << ", " << l;
        }
        EXPECT_NEAR(slope_of(plain.now.bias[l].numbers[1], local_loss), g.bias[l].numbers[1], 1e-8);
        EXPECT_GT(local_loss(), 1e-9) << "nothing to learn";
      }
    }
  }
}

TEST(TargetPropagation, InversesDescendTheirLoss) {
  constexpr int depth = 3;
  TargetCase c(depth, Activations::index_of<Tanh>(), simplified, 1);
  c.training.inverse_step_size = 1;
  c.data.outputs = 2;
  const Problem problem = c.problem();
  PlainLayers moved = c.plain(problem);
  moved.learn_inverses(0);
  for (std::size_t l = 0; l < depth; ++l) {
    PlainLayers plain = c.plain(problem);
    const auto loss = [&] { return plain.inverse_loss(0, l); };
    for (std::size_t r = 0; r < 8; ++r) {
      for (std::size_t column = 0; column < (l + 1 == depth ? 2 : 8); ++column) {
        const double step = plain.inverse_weight(l, r, column) - moved.inverse_weight(l, r, column);
        EXPECT_NEAR(slope_of(plain.inverse_weight(l, r, column), loss), step, 1e-8) << "layer " << l;
      }
      EXPECT_NEAR(slope_of(plain.inverse_bias[l].numbers[r], loss), -moved.inverse_bias[l].numbers[r], 1e-8);
    }
  }
}

TEST(TargetPropagation, InversesComeToInvert) {
  TargetCase c(3, Activations::index_of<Tanh>(), simplified, 1);
  c.training.inverse_step_size = 0.1;
  const Problem problem = c.problem();
  PlainLayers plain = c.plain(problem);
  const PlainLayers start = plain;
  for (int i = 0; i < 500; ++i) {
    plain.learn_inverses(0);
  }
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_LT(plain.inverse_loss(0, l), PlainLayers(start).inverse_loss(0, l) / 4) << "layer " << l;
  }
}

/// A Householder reflection of size sqrt(p): the scale 1/sqrt(p) of the network makes it orthogonal.
PlainMatrix reflection(std::size_t p, double seed) {
  std::vector<double> v(p);
  double square = 0;
  for (std::size_t i = 0; i < p; ++i) {
    v[i] = std::sin(seed + static_cast<double>(i * i));
    square += v[i] * v[i];
  }
  PlainMatrix w(p, p);
  for (std::size_t i = 0; i < p; ++i) {
    for (std::size_t j = 0; j < p; ++j) {
      w(i, j) = std::sqrt(static_cast<double>(p)) * ((i == j ? 1 : 0) - 2 * v[i] * v[j] / square);
    }
  }
  return w;
}

TEST(TargetPropagation, ExactInversesOfOrthogonalLinearLayersAreBackprop) {
  TargetCase c(3, Activations::index_of<Linear>(), lees, 1);
  const Problem problem = c.problem();
  PlainLayers plain = c.plain(problem);
  for (std::size_t l = 1; l < 3; ++l) {
    plain.now.w[l] = reflection(8, static_cast<double>(l));
    plain.back[l - 1] = plain.now.w[l];  // its own inverse, transposed twice
  }
  const PlainWeights targets = plain.gradient(0, false);
  const PlainWeights backprop = plain.gradient(0, true);
  for (std::size_t l = 0; l < 3; ++l) {
    for (std::size_t i = 0; i < targets.w[l].numbers.size(); ++i) {
      EXPECT_NEAR(targets.w[l].numbers[i], backprop.w[l].numbers[i], 1e-13);  // products of three numbers near 1
    }
  }
}

TEST(TargetPropagation, ExactInversesReachTheTargetsAbove) {
  // Gauss-Newton: the layer above a layer that is at its target is at its own (Meulemans et al. 2020).
  TargetCase c(2, Activations::index_of<Linear>(), lees, 1);
  c.training.biases = false;
  const Problem problem = c.problem();
  PlainLayers plain = c.plain(problem);
  PlainMatrix& w = plain.now.w[1];
  for (double& number : w.numbers) {
    number = 0;
  }
  for (std::size_t i = 0; i < 8; ++i) {  // upper bidiagonal; its inverse is known
    w(i, i) = 2;
    if (i > 0) {
      w(i - 1, i) = 1;
    }
  }
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t j = 0; j < 8; ++j) {  // W^-1 = sum_k (-1)^k / 2^(k+1) above the diagonal; B^T = W^-1 / s^2
      const double inverse = j < i ? 0 : std::pow(-1, static_cast<double>(j - i)) / std::pow(2, double(j - i) + 1);
      plain.back[0](j, i) = 8 * inverse;
    }
  }
  const Numbers below = plain.targets(0, 0);
  const Numbers above = plain.targets(0, 1);
  Numbers reached = above;
  for (std::size_t i = 0; i < below.size(); ++i) {
    for (std::size_t r = 0; r < 8; ++r) {
      reached[i][r] = 0;
      for (std::size_t j = 0; j < 8; ++j) {
        reached[i][r] += w(r, j) * below[i][j] / std::sqrt(8.0);
      }
    }
  }
  EXPECT_LT(square_distance(reached, above), 1e-26);  // of 72 numbers near 1, each with a few roundings
  EXPECT_GT(square_distance(plain.values(0, 1), above), 1e-3);
}

TEST(TargetPropagation, OfLinearNetworksWithFixedInversesIsFeedbackAlignment) {
  for (int depth = 1; depth <= 3; ++depth) {
    for (const double size : {0.01, 1.0}) {
      TargetCase c(depth, Activations::index_of<Linear>(), simplified, 100);
      c.data.outputs = 2;
      c.training.batch_size = 4;
      c.training.inverse_step_size = 0;
      c.training.target_step_size = size;
      const Problem problem = c.problem();
      const RunRecord targets = c.train(problem);
      c.run.rule = Rules::index_of<FeedbackAlignment>();
      const RunRecord feedback = c.train(problem);
      for (const std::size_t step : {std::size_t{1}, std::size_t{100}}) {
        // Differences of activations lose two digits where the step is 0.01.
        expect_close(value_at<LossMetric>(targets, step), value_at<LossMetric>(feedback, step), 1e-11, 0,
                     "depth " + std::to_string(depth));
        expect_close(value_at<HiddenChangeMetric>(targets, step), value_at<HiddenChangeMetric>(feedback, step), 1e-11,
                     0, "depth " + std::to_string(depth));
      }
    }
  }
}

TEST(TargetPropagation, UpdatesThatAlternateLearnByLaterInverses) {
  std::vector<double> losses;
  for (const InverseUpdates updates : {InverseUpdates::parallel, InverseUpdates::alternating}) {
    for (const double noise : {0.1, 0.2}) {
      TargetCase c(2, Activations::index_of<Tanh>(), simplified, 50);
      c.training.inverse_updates = updates;
      c.training.inverse_noise = noise;
      c.training.inverse_step_size = 0.1;
      const Problem problem = c.problem();
      const RunRecord record = c.train(problem);
      PlainLayers plain = c.plain(problem);
      for (int step = 0; step < 50; ++step) {
        plain.advance(step);
      }
      losses.push_back(value_at<LossMetric>(record, 50));
      expect_close(losses.back(), plain.loss_of(0, c.data.samples), 1e-10, 0, "loss");  // 1e-16 a step
    }
  }
  for (std::size_t i = 1; i < losses.size(); ++i) {
    EXPECT_GT(std::abs(losses[i] - losses[0]), 1e-9) << "a key that changes nothing";
  }
}

}  // namespace
}  // namespace fasweep
