// The oracle's gradients against finite differences of its losses, and its sums against numbers worked out by hand.
#include "reference/plain_network.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/observation.hpp"

namespace fasweep {
namespace {

/// Every activation and loss, by backprop, whose gradients are the loss's.
class PlainGradient : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  PlainGradient() {
    data_.samples = 7;
    data_.inputs = 4;
    data_.outputs = 3;
    training_.loss = static_cast<LossFunction>(std::get<1>(GetParam()));
    training_.reduction = Reduction::mean;
    problem_ = make_problem(data_, {7, 6, activation_});
    for (std::size_t row = 0; row < 7; ++row) {
      for (std::size_t c = 0; c < 3; ++c) {
        problem_.y[3 * row + c] = row % 3 == c ? 1 : 0;
      }
    }
  }

  int activation_ = std::get<0>(GetParam());
  DataSettings data_;
  TrainingSettings training_;
  Problem problem_;
};

INSTANTIATE_TEST_SUITE_P(, PlainGradient,
                         ::testing::Combine(::testing::Range(0, Activations::size), ::testing::Range(0, Losses::size)));

TEST_P(PlainGradient, EqualsFiniteDifferencesWithAndWithoutBiasesAndMasks) {
  const auto rows = rows_from(1, 5);
  for (const double bias : {0.0, 0.3}) {
    PlainNetwork plain(problem_, training_, Activations::names[static_cast<std::size_t>(activation_)], "backprop");
    plain.hidden_bias.setConstant(bias);
    plain.output_bias.setConstant(-bias);
    if (bias > 0) {
      plain.mask = [](int i, int unit, int /*layer*/) { return (i + unit) % 3 == 0 ? 0 : 1.5; };
    }
    const PlainGradients g = plain.gradients(rows);
    EXPECT_NEAR(g.loss, plain.sums(rows).loss, 1e-15);
    const auto expect_gradient = [&](auto& weights, const auto& gradient) {
      for (Eigen::Index i = 0; i < weights.size(); ++i) {
        constexpr double h = 1e-5;  // truncation h^2 = 1e-10, rounding 1e-16 / h = 1e-11, for losses of order 1
        const double kept = weights(i);
        weights(i) = kept + h;
        const double above = plain.sums(rows).loss;
        weights(i) = kept - h;
        const double below = plain.sums(rows).loss;
        weights(i) = kept;
        EXPECT_NEAR(gradient(i), (above - below) / (2 * h), 1e-8);
      }
    };
    Eigen::Map<Eigen::VectorXd> w(plain.w.data(), plain.w.size());
    Eigen::Map<Eigen::VectorXd> beta(plain.beta.data(), plain.beta.size());
    expect_gradient(w, Eigen::Map<const Eigen::VectorXd>(g.w.data(), g.w.size()));
    expect_gradient(beta, Eigen::Map<const Eigen::VectorXd>(g.beta.data(), g.beta.size()));
    expect_gradient(plain.hidden_bias, g.hidden_bias);
    expect_gradient(plain.output_bias, g.output_bias);
  }
}

/// One sample, one input, one unit: z = 1.5, f = 3, e = 2.
struct SmallCase {
  SmallCase() {
    problem.samples = 1;
    problem.inputs = 1;
    problem.width = 1;
    problem.x = {0.5};
    problem.y = {1};
    problem.output_weight = {2};
    problem.feedback = {-1};
  }
  [[nodiscard]] PlainNetwork network(std::string_view rule) const {
    PlainNetwork plain(problem, {}, "linear", rule);
    plain.w(0, 0) = 3;
    return plain;
  }
  Problem problem;
  std::vector<std::int32_t> rows{0};
};

TEST(PlainNetwork, StepsOfEveryRuleAsWorkedOutByHand) {
  const SmallCase c;
  struct Expected {
    std::string_view rule;
    double w;
    double b;
  };
  // beta <- 0.95 2 - 0.1 1.5 2 = 1.6; w <- 3 - 0.1 t v 0.5 with t v = 2 (-1), 2 2, 2 (-1), -1 (-1).
  for (const auto& [rule, w, b] : {Expected{"feedback-alignment", 3.1, -1}, Expected{"backprop", 2.8, -1},
                                   Expected{"kolen-pollack", 3.1, 0.95 * -1 - 0.3}, Expected{"drtp", 2.95, -1}}) {
    PlainNetwork plain = c.network(rule);

    const double loss = plain.advance(c.rows, 0.1, 0.5);

    EXPECT_EQ(loss, 2);
    EXPECT_NEAR(plain.beta(0, 0), 1.6, 1e-15) << rule;
    EXPECT_NEAR(plain.w(0, 0), w, 1e-15) << rule;
    EXPECT_NEAR(plain.b(0, 0), b, 1e-15) << rule;
  }
}

TEST(PlainNetwork, ObservesAsWorkedOutByHand) {
  const SmallCase c;

  const Observation o = c.network("feedback-alignment").observe(c.rows, false);

  EXPECT_EQ(o.loss, 2);
  EXPECT_EQ(o.squared_error, 4);
  EXPECT_TRUE(std::isnan(o.test_loss));
  EXPECT_TRUE(std::isnan(o.accuracy));
  EXPECT_EQ(o.output_square, 4);
  EXPECT_EQ(o.feedback_square, 1);
  EXPECT_EQ(o.feedback_dot_output, -2);
  EXPECT_EQ(o.rule_gradient_square, 1);      // 2 (-1) 0.5
  EXPECT_EQ(o.backprop_gradient_square, 4);  // 2 2 0.5
  EXPECT_EQ(o.gradient_dot, -2);
  EXPECT_EQ(o.signal_cosine, -1);
  EXPECT_EQ(o.batch_signal_cosine, -1);
}

TEST(PlainNetwork, CentresOverAllSamplesHoweverManyItTakesAtOnce) {
  DataSettings data;
  data.samples = 1500;  // beyond those of one pass
  data.inputs = 2;
  const Problem problem = make_problem(data, {1, 3, 0});
  const PlainNetwork plain(problem, {}, "tanh", "sejnowski-tesauro");
  std::vector<std::int32_t> rows = rows_from(0, data.samples);
  const PlainGradients forwards = plain.gradients(rows);
  std::ranges::reverse(rows);
  const PlainGradients backwards = plain.gradients(rows);

  // Sums of 1,500 numbers in another order: 1e-13 of their size.
  EXPECT_LT((forwards.w - backwards.w).norm(), 1e-12 * forwards.w.norm());
}

}  // namespace
}  // namespace fasweep
