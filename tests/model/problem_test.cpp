#include "model/problem.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/random.hpp"
#include "model/richness.hpp"

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
  EXPECT_EQ(a.hidden_weight(), again.hidden_weight());
  EXPECT_EQ(a.output_weight, again.output_weight);
  EXPECT_EQ(a.feedback, again.feedback);
}

TEST(Problem, CorrelatesFeedbackWithTheOutputWeights) {
  TrainingSettings training;
  const Problem plain = make_problem(small_data(), {5, 8, 1}, training);
  for (const double richness : {lazy, 2.0}) {
    training.richness = richness;
    const double scale = std::sqrt(square_scale(training, 8));
    for (const double rho : {0.6, 1.0, -1.0}) {
      training.feedback_correlation = rho;
      const Problem problem = make_problem(small_data(), {5, 8, 1}, training);
      for (std::size_t r = 0; r < 8; ++r) {
        const double expected = rho * plain.output_weight[r] + std::sqrt(1 - rho * rho) * plain.feedback[r];
        EXPECT_NEAR(problem.feedback[r], scale * expected, 1e-14);
        EXPECT_NEAR(problem.output_weight[r] * scale, plain.output_weight[r], 1e-15);
      }
    }
  }
}

TEST(FeedbackOfAStep, IsDrawnForTheStepAlone) {
  TrainingSettings rich;
  rich.richness = 2;
  for (const TrainingSettings& training : {TrainingSettings{}, rich}) {
    const Problem problem = make_problem(small_data(), {5, 801, 1}, training);
    const std::vector<double> third = feedback_of_step(problem, training, 3);
    double square = 0;
    for (const double b : third) {
      square += b * b / 801 / square_scale(training, 801);
    }

    EXPECT_EQ(feedback_of_step(problem, training, 0), problem.feedback);
    EXPECT_EQ(feedback_of_step(problem, training, 3), third);
    EXPECT_NE(feedback_of_step(problem, training, 4), third);
    EXPECT_NEAR(square, 1, 0.2) << "four deviations of a mean of 801 squares";
  }
}

TEST(Problem, TakesTheWeightsOfAStateAndTheDataOfItsSeed) {
  InitialState state{5, 3, 1, std::vector<double>(15), {1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}, {0, 1, 2, 3, 4}, {0.5}};
  std::iota(state.hidden_weight.begin(), state.hidden_weight.end(), 0.0);
  TrainingSettings training;
  training.initial_state.path = "state.h5";
  training.biases = true;

  const Problem problem = make_problem(small_data(), {5, 5, 1}, training, nullptr, &state);

  const Problem drawn = make_problem(small_data(), {5, 5, 1});
  EXPECT_EQ(problem.x, drawn.x);
  EXPECT_EQ(problem.y, drawn.y);
  EXPECT_EQ(problem.hidden_weight(), state.hidden_weight);
  EXPECT_EQ(problem.output_weight, state.output_weight);
  EXPECT_EQ(problem.feedback, state.feedback);
  EXPECT_EQ(problem.hidden_bias, state.hidden_bias);
  EXPECT_EQ(problem.output_bias, state.output_bias);
  std::vector<double> last(6, -1.0);  // the last unit, and one beyond it
  problem.fill_hidden_weight(4, last);
  EXPECT_EQ(last, (std::vector<double>{12, 13, 14, 0, 0, 0}));
}

TEST(Problem, ActivationChangesTargetsOnly) {
  const Problem relu = make_problem(small_data(), {5, 8, Activations::index_of<Relu>()});
  const Problem tanh = make_problem(small_data(), {5, 8, Activations::index_of<Tanh>()});

  EXPECT_EQ(relu.x, tanh.x);
  EXPECT_EQ(relu.hidden_weight(), tanh.hidden_weight());
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

TEST(Problem, RichnessScalesBetaAndB) {
  TrainingSettings rich;
  rich.richness = 0.5;
  const Problem plain = make_problem(small_data(), {5, 16, 0});
  const Problem scaled = make_problem(small_data(), {5, 16, 0}, rich);

  EXPECT_EQ(plain.y, scaled.y);
  EXPECT_EQ(plain.hidden_weight(), scaled.hidden_weight());
  for (std::size_t r = 0; r < 16; ++r) {
    EXPECT_DOUBLE_EQ(scaled.output_weight[r], plain.output_weight[r] / 2);  // g sqrt(p) = 2
    EXPECT_DOUBLE_EQ(scaled.feedback[r], plain.feedback[r] * 2);
  }
}

TEST(Problem, ScaledInitialWeightsAreGaussianOverRootD) {
  const Problem plain = make_problem(small_data(), {5, 8, 0});
  TrainingSettings scaled_weights;
  scaled_weights.initial_weights = GaussianScaledLaw{};
  const Problem scaled = make_problem(small_data(), {5, 8, 0}, scaled_weights);

  EXPECT_EQ(plain.output_weight, scaled.output_weight);
  const std::vector<double> weights = plain.hidden_weight();
  for (std::size_t i = 0; i < weights.size(); ++i) {
    EXPECT_EQ(scaled.hidden_weight()[i], weights[i] / std::sqrt(3.0));
  }
}

TEST(Problem, DrawsBiasesWhereThereAreSome) {
  TrainingSettings training;
  training.initial_biases = NormalLaw{{}, {0.5}};
  EXPECT_TRUE(make_problem(small_data(), {5, 8, 0}, training).hidden_bias.empty());
  training.biases = true;
  const Problem problem = make_problem(small_data(), {5, 8, 0}, training);

  ASSERT_EQ(problem.hidden_bias.size(), 8U);
  ASSERT_EQ(problem.output_bias.size(), 1U);
  std::vector<double> expected(8);
  RandomStream{5, 8, Purpose::hidden_bias}.fill_normal(expected);
  for (std::size_t r = 0; r < 8; ++r) {
    EXPECT_EQ(problem.hidden_bias[r], 0.5 * expected[r]);
  }
  EXPECT_NE(problem.output_bias[0], 0);
}

TEST(Problem, LawsOfWeightsMayDiffer) {
  TrainingSettings training;
  training.initial_weights = OrthogonalLaw{{}, {1}};
  training.initial_output = UniformLaw{{}, {0.1}};
  training.initial_feedback = PositiveLaw{{}, {1}};
  training.richness = 0.5;
  const Problem problem = make_problem(small_data(), {5, 16, 0}, training);

  const std::vector<double> w = problem.hidden_weight();
  EXPECT_NEAR(std::inner_product(w.begin(), w.end(), w.begin(), 0.0), 3, 1e-14) << "three orthonormal columns";
  EXPECT_TRUE(std::ranges::all_of(problem.output_weight, [](double v) { return std::abs(v) <= 0.05; }));
  EXPECT_TRUE(std::ranges::all_of(problem.feedback, [](double v) { return v > 0; }));
}

TEST(Problem, DatasetReplacesTheTeacher) {
  const Dataset dataset;
  const Problem problem = make_problem(small_data(), {5, 8, 0}, {}, &dataset);

  EXPECT_EQ(problem.dataset, &dataset);
  EXPECT_TRUE(problem.x.empty());
  EXPECT_TRUE(problem.y.empty());
  EXPECT_EQ(problem.hidden_weight(), make_problem(small_data(), {5, 8, 0}).hidden_weight());
}

TEST(Problem, BlocksOfHiddenWeightsAreThoseOfTheWhole) {
  const Problem problem = make_problem(small_data(), {5, 9, 0});
  const std::vector<double> whole = problem.hidden_weight();
  std::vector<double> expected(9 * 3);
  RandomStream{5, 9, Purpose::hidden_weight}.fill_normal(expected);
  ASSERT_EQ(whole, expected);
  for (int first = 0; first < 9; first += 2) {
    std::vector<double> rows(first < 8 ? 6 : 3);
    problem.fill_hidden_weight(first, rows);
    EXPECT_TRUE(std::equal(rows.begin(), rows.end(), whole.begin() + std::ptrdiff_t{first} * 3));
  }
}

/// f0(x) of one row of inputs and one output, as it is defined. stream_width: of the streams of the teacher.
double teacher_output(const Problem& problem, std::size_t row, std::size_t output, int teacher_width, int stream_width,
                      int activation) {
  const auto d = static_cast<std::size_t>(problem.inputs);
  const auto outputs = static_cast<std::size_t>(problem.outputs);
  std::vector<double> weights(static_cast<std::size_t>(teacher_width) * outputs);
  RandomStream{problem.seed, stream_width, Purpose::teacher_output}.fill_normal(weights);
  double sum = 0;
  for (std::size_t r = 0; r < static_cast<std::size_t>(teacher_width); ++r) {
    std::vector<double> unit(d);
    const std::size_t stride = (d + 1) / 2 * 2;  // rows begin at even positions
    RandomStream{problem.seed, stream_width, Purpose::teacher_hidden}.fill_normal(unit, r * stride);
    const double z = std::inner_product(unit.begin(), unit.end(), &problem.x[row * d], 0.0);
    sum += weights[r * outputs + output] *
           Activations::visit(activation, [&](auto type) { return decltype(type)::type::value(z); });
  }
  return sum / std::sqrt(static_cast<double>(teacher_width));
}

class TeacherTargets : public testing::TestWithParam<int> {};

TEST_P(TeacherTargets, AreTheTeachersForEveryWidth) {
  for (const int teacher_width : {1, 2, 15, 16, 17, 33}) {
    SCOPED_TRACE(teacher_width);
    DataSettings data = small_data();
    data.inputs = 7;
    data.outputs = 2;
    data.teacher_width = teacher_width;
    for (const DataDraw draw : {DataDraw::shared, DataDraw::per_width}) {
      data.draw = draw;
      const Problem problem = make_problem(data, {5, 8, GetParam()});

      ASSERT_EQ(problem.y.size(), 12U);  // 4 + 2 rows
      const int stream_width = draw == DataDraw::shared ? teacher_width : problem.width;
      for (std::size_t i = 0; i < problem.y.size(); ++i) {
        // Sums of 7 x teacher_width products of size 1, in other orders.
        EXPECT_NEAR(problem.y[i], teacher_output(problem, i / 2, i % 2, teacher_width, stream_width, GetParam()),
                    1e-13 * teacher_width);
      }
    }
  }
}

TEST(Problem, TeachersOfFixedWidthSetOneTaskForEveryWidth) {
  DataSettings data = small_data();
  data.teacher_width = 11;
  data.label_noise = 0.5;
  const Problem narrow = make_problem(data, {5, 8, 1});
  const Problem wide = make_problem(data, {5, 300, 1});
  EXPECT_EQ(narrow.x, wide.x);
  EXPECT_EQ(narrow.y, wide.y);
  data.draw = DataDraw::per_width;
  EXPECT_NE(make_problem(data, {5, 8, 1}).x, make_problem(data, {5, 300, 1}).x);
}

TEST(Problem, DataAndWeightsMayHaveSeedsOfTheirOwn) {
  const Problem both = make_problem(small_data(), {5, 9, 1});
  const Problem weights = make_problem(small_data(), {6, 9, 1, 5});
  EXPECT_EQ(weights.x, both.x);
  EXPECT_EQ(weights.y, both.y);
  EXPECT_NE(weights.output_weight, both.output_weight);
  EXPECT_NE(weights.feedback, both.feedback);
  EXPECT_NE(weights.hidden_weight(), both.hidden_weight());
}

INSTANTIATE_TEST_SUITE_P(Problem, TeacherTargets, testing::Range(0, Activations::size), [](const auto& activation) {
  std::string name(Activations::names[static_cast<std::size_t>(activation.param)]);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

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
