#include "model/problem.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

DataSettings small_data() {
  DataSettings data;
  data.samples = 4;
  data.inputs = 3;
  data.test_samples = 2;
  return data;
}

TEST(Problem, DependsOnItsKeyAlone) {
  const Problem a = make_problem(small_data(), {5, 8, 1});
  static_cast<void>(make_problem(small_data(), {6, 16, 2}));
  const Problem again = make_problem(small_data(), {5, 8, 1});

  EXPECT_EQ(a.x, again.x);
  EXPECT_EQ(a.y, again.y);
  EXPECT_EQ(a.hidden_weight, again.hidden_weight);
  EXPECT_EQ(a.output_weight, again.output_weight);
  EXPECT_EQ(a.feedback, again.feedback);
}

TEST(Problem, ActivationChangesTargetsOnly) {
  const Problem relu = make_problem(small_data(), {5, 8, Activations::index_of<Relu>()});
  const Problem tanh = make_problem(small_data(), {5, 8, Activations::index_of<Tanh>()});

  EXPECT_EQ(relu.x, tanh.x);
  EXPECT_EQ(relu.hidden_weight, tanh.hidden_weight);
  EXPECT_EQ(relu.feedback, tanh.feedback);
  EXPECT_NE(relu.y, tanh.y);
}

TEST(Problem, FirstOutputOfManyIsDrawnFromTheSameStream) {
  DataSettings data = small_data();
  const Problem one = make_problem(data, {5, 1, 0});
  data.outputs = 3;
  const Problem three = make_problem(data, {5, 1, 0});

  ASSERT_EQ(three.y.size(), 3 * one.y.size());
  ASSERT_EQ(three.output_weight.size(), 3U);
  EXPECT_EQ(three.output_weight[0], one.output_weight[0]);
  for (std::size_t i = 0; i < one.y.size(); ++i) {  // one hidden unit: its first weight is that of the first output
    EXPECT_EQ(three.y[3 * i], one.y[i]);
    const double product = three.y[3 * i] * three.y[1];  // the columns of y are parallel; a few roundings apart
    EXPECT_NEAR(three.y[3 * i + 1] * three.y[0], product, 1e-14 * std::abs(product));
  }
}

TEST(Problem, ScaledInitialWeightsAreGaussianOverRootD) {
  const Problem plain = make_problem(small_data(), {5, 8, 0});
  const Problem scaled = make_problem(small_data(), {5, 8, 0}, InitialWeights::gaussian_scaled);

  EXPECT_EQ(plain.output_weight, scaled.output_weight);
  for (std::size_t i = 0; i < plain.hidden_weight.size(); ++i) {
    EXPECT_EQ(scaled.hidden_weight[i], plain.hidden_weight[i] / std::sqrt(3.0));
  }
}

TEST(Problem, DatasetReplacesTheTeacher) {
  const Dataset dataset;
  const Problem problem = make_problem(small_data(), {5, 8, 0}, InitialWeights::gaussian, &dataset);

  EXPECT_EQ(problem.dataset, &dataset);
  EXPECT_TRUE(problem.x.empty());
  EXPECT_TRUE(problem.y.empty());
  EXPECT_EQ(problem.hidden_weight, make_problem(small_data(), {5, 8, 0}).hidden_weight);
}

TEST(Problem, ScaledInputsAreGaussianOverRootD) {
  DataSettings data = small_data();
  const Problem plain = make_problem(data, {5, 8, 0});
  data.input_law = InputLaw::gaussian_scaled;
  const Problem scaled = make_problem(data, {5, 8, 0});

  ASSERT_EQ(plain.x.size(), 6U * 3U);
  for (std::size_t i = 0; i < plain.x.size(); ++i) {
    EXPECT_DOUBLE_EQ(scaled.x[i] * std::sqrt(3.0), plain.x[i]);
  }
  // A linear teacher scales with its inputs.
  for (std::size_t i = 0; i < plain.y.size(); ++i) {
    EXPECT_NEAR(scaled.y[i] * std::sqrt(3.0), plain.y[i], 1e-14 * (1 + std::abs(plain.y[i])));
  }
}

TEST(Problem, NoiseMovesTrainingTargetsOnly) {
  DataSettings data = small_data();
  const Problem clean = make_problem(data, {5, 8, 0});
  data.label_noise = 0.5;
  const Problem noisy = make_problem(data, {5, 8, 0});

  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NE(clean.y[i], noisy.y[i]);
  }
  EXPECT_EQ(clean.y[4], noisy.y[4]);
  EXPECT_EQ(clean.y[5], noisy.y[5]);
}

TEST(Problem, MoreSamplesKeepTheFirstOnes) {
  DataSettings data = small_data();
  const Problem few = make_problem(data, {5, 8, 1});
  data.samples = 9;
  const Problem many = make_problem(data, {5, 8, 1});

  EXPECT_TRUE(std::equal(few.x.begin(), few.x.begin() + 12, many.x.begin()));
  EXPECT_TRUE(std::equal(few.y.begin(), few.y.begin() + 4, many.y.begin()));
}

TEST(Problem, TargetsHaveTheTeachersVariance) {
  // Linear teacher, N(0,1) inputs: each target is N(0, ||x||^2) given x, so E y^2 = d.
  DataSettings data;
  data.samples = 20;
  data.inputs = 10;
  double sum = 0;
  constexpr int seeds = 200;
  for (int seed = 0; seed < seeds; ++seed) {
    for (const double y : make_problem(data, {seed, 50, 0}).y) {
      sum += y * y;
    }
  }
  EXPECT_NEAR(sum / (seeds * 20), 10, 1);  // standard error about 0.3: samples of one teacher are correlated
}

}  // namespace
}  // namespace fasweep
