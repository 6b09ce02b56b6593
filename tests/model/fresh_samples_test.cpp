#include "model/fresh_samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/problem.hpp"

namespace fasweep {
namespace {

constexpr RunSpec run{0, 5, 0, Activations::index_of<Tanh>(), 0, 7};

/// Odd numbers of inputs and outputs, so that rows end within a pair of normals.
DataSettings fresh_data() {
  DataSettings data;
  data.sampling = Sampling::fresh;
  data.samples = 4;
  data.test_samples = 2;
  data.inputs = 3;
  data.outputs = 3;
  data.label_noise = 0.5;
  return data;
}

TrainingSettings batches_of(int size) {
  TrainingSettings training;
  training.batch_size = size;
  return training;
}

std::vector<double> numbers(std::span<const double> values) {
  return {values.begin(), values.end()};
}

TEST(FreshSamples, OfAStepAreFoundWithoutTheStepsBefore) {
  FreshSamples walked(fresh_data(), batches_of(4), run);
  for (std::int64_t step = 0; step < 1500; ++step) {  // several chunks
    static_cast<void>(walked.of_step(step));
  }
  FreshSamples jumped(fresh_data(), batches_of(4), run);
  static_cast<void>(jumped.of_step(2000));

  EXPECT_EQ(numbers(jumped.of_step(1500).x), numbers(walked.of_step(1500).x));
  EXPECT_EQ(numbers(jumped.of_step(1500).y), numbers(walked.of_step(1500).y));
  EXPECT_NE(numbers(jumped.of_step(1501).x), numbers(walked.of_step(1500).x));
}

TEST(FreshSamples, AreTheSameInBatchesOfAnySize) {
  FreshSamples four(fresh_data(), batches_of(4), run);
  for (const int size : {1, 3, 50'000}) {  // the last: a step a chunk
    FreshSamples others(fresh_data(), batches_of(size), run);
    for (const std::int64_t sample : {0, 5, 3001}) {
      const auto x_of = [&](FreshSamples& samples, std::int64_t batch) {
        return numbers(samples.of_step(sample / batch).x.subspan(static_cast<std::size_t>(sample % batch) * 3, 3));
      };
      const auto y_of = [&](FreshSamples& samples, std::int64_t batch) {
        return numbers(samples.of_step(sample / batch).y.subspan(static_cast<std::size_t>(sample % batch) * 3, 3));
      };
      EXPECT_EQ(x_of(four, 4), x_of(others, size)) << sample << " in batches of " << size;
      EXPECT_EQ(y_of(four, 4), y_of(others, size)) << sample << " in batches of " << size;
    }
  }
}

TEST(FreshSamples, HaveTheTargetsOfTheProblemsTeacher) {
  DataSettings data = fresh_data();
  data.label_noise = 0;
  data.input_law = InputLaw::gaussian_scaled;
  for (const int teacher_width : {0, 2}) {
    data.teacher_width = teacher_width;
    const Problem problem = make_problem(data, problem_key(run));
    const std::size_t units = teacher_width == 0 ? 5 : 2;
    ASSERT_EQ(problem.teacher_hidden_weight.size(), 3 * units);
    FreshSamples fresh(data, batches_of(6), run);
    const FreshSamples::Batch batch = fresh.of_step(3);
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        double target = 0;
        for (std::size_t m = 0; m < units; ++m) {
          double z = 0;
          for (std::size_t j = 0; j < 3; ++j) {
            z += batch.x[3 * i + j] * problem.teacher_hidden_weight[3 * m + j];
          }
          target += std::tanh(z) * problem.teacher_output_weight[3 * m + c];
        }
        EXPECT_NEAR(batch.y[3 * i + c], target, 1e-14) << "a few roundings of numbers about 1";
      }
    }
  }
}

TEST(FreshSamples, AreNoneOfTheProblems) {
  const Problem problem = make_problem(fresh_data(), problem_key(run));
  FreshSamples fresh(fresh_data(), batches_of(2000), run);
  const std::vector<double> x = numbers(fresh.of_step(0).x);
  for (const double number : problem.x) {
    EXPECT_EQ(std::ranges::count(x, number), 0);
  }
}

TEST(FreshSamples, HaveTheirLaw) {
  constexpr int count = 20'000;
  DataSettings data = fresh_data();
  data.outputs = 1;
  data.input_law = InputLaw::gaussian_scaled;
  DataSettings clean = data;
  clean.label_noise = 0;
  FreshSamples fresh(data, batches_of(count), run);
  FreshSamples without_noise(clean, batches_of(count), run);
  const std::vector<double> first = numbers(fresh.of_step(0).x);
  const std::vector<double> second = numbers(fresh.of_step(1).x);
  double square = 0;
  double product = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    square += first[i] * first[i];
    product += first[i] * second[i];
  }
  const double size = 3.0 * count;
  // Five deviations of a mean of `size` squares, or products, of N(0, 1/3).
  EXPECT_NEAR(square / size, 1.0 / 3, 5 * std::sqrt(2 / size) / 3);
  EXPECT_NEAR(product / size, 0, 5 * std::sqrt(1 / size) / 3);
  double noise_square = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double noise = fresh.of_step(0).y[i] - without_noise.of_step(0).y[i];
    noise_square += noise * noise;
  }
  EXPECT_NEAR(noise_square / count, 0.25, 5 * std::sqrt(2.0 / count) / 4);
}

TEST(FreshSamples, DependOnTheDatasSeedAndNotOnTheTrainings) {
  RunSpec other = run;
  other.training_seed = 8;
  other.data_seed = 7;
  FreshSamples fresh(fresh_data(), batches_of(4), run);
  FreshSamples same_data(fresh_data(), batches_of(4), other);
  EXPECT_EQ(numbers(same_data.of_step(5).y), numbers(fresh.of_step(5).y));
  other.data_seed = 9;
  FreshSamples other_data(fresh_data(), batches_of(4), other);
  EXPECT_NE(numbers(other_data.of_step(5).x), numbers(fresh.of_step(5).x));
}

}  // namespace
}  // namespace fasweep
