// What is forecast from measured rates: the rates themselves at what was measured, and between and beyond them what the
// work says.
#include "backend/cuda/device_profile.hpp"

#include <gtest/gtest.h>

#include "model/activation/list.hpp"

namespace fasweep {
namespace {

const int relu = Activations::index_of<Relu>();
const int tanh_ = Activations::index_of<Tanh>();
const int gelu = Activations::index_of<Gelu>();
constexpr Solver in_samples = Solver::sample_space;
constexpr Solver in_weights = Solver::weight_space;

/// ReLU grows with p from 200 on, and by half as much more from 800 on.
DeviceProfile made_up() {
  return {"made up",
          1 << 16,
          {{in_samples, relu, {50, 200, 0, 1}, 1e-6},
           {in_samples, relu, {50, 800, 0, 1}, 4e-6},
           {in_samples, relu, {50, 3200, 0, 1}, 24e-6},
           {in_samples, tanh_, {50, 800, 0, 1}, 9e-6},
           {in_weights, relu, {600, 1000, 784, 10}, 20e-6}}};
}

double seconds(Solver solver, int activation, const StepShape& shape) {
  return forecast_step(made_up(), solver, activation, shape).value().seconds;
}

bool is_measured(Solver solver, int activation, const StepShape& shape) {
  return forecast_step(made_up(), solver, activation, shape).value().is_measured;
}

TEST(DeviceProfile, WhatWasMeasuredIsForecastAsItWas) {
  for (const MeasuredRate& rate : made_up().rates) {
    EXPECT_NEAR(seconds(rate.solver, rate.activation, rate.shape), rate.seconds, 1e-12 * rate.seconds);
    EXPECT_TRUE(is_measured(rate.solver, rate.activation, rate.shape));
  }
}

TEST(DeviceProfile, BetweenTwoWidthsAPowerLawHolds) {
  EXPECT_NEAR(seconds(in_samples, relu, {50, 400}), 2e-6, 1e-15);
  EXPECT_NEAR(seconds(in_samples, relu, {50, 1600}), 4e-6 * std::sqrt(6), 1e-15);
  EXPECT_TRUE(is_measured(in_samples, relu, {50, 1600}));
}

TEST(DeviceProfile, BeyondThemTheWorkCounts) {
  EXPECT_NEAR(seconds(in_samples, relu, {50, 100}), 0.5e-6, 1e-15);
  EXPECT_NEAR(seconds(in_samples, relu, {50, 6400}), 48e-6, 1e-15);
  EXPECT_NEAR(seconds(in_samples, relu, {100, 200}), 4e-6, 1e-15) << "n^2";
  EXPECT_NEAR(seconds(in_weights, relu, {300, 2000, 784, 10}), 20e-6, 1e-15) << "half the samples, twice the units";
  EXPECT_NEAR(seconds(in_weights, relu, {600, 1000, 387, 10}), 10e-6, 1e-15);
  EXPECT_FALSE(is_measured(in_samples, relu, {50, 6400}));
  EXPECT_FALSE(is_measured(in_samples, relu, {51, 800}));
  EXPECT_FALSE(is_measured(in_weights, relu, {600, 1000, 783, 11}));
}

TEST(DeviceProfile, AnActivationThatWasNotMeasuredTakesAsLongAsTheSlowest) {
  EXPECT_NEAR(seconds(in_samples, gelu, {50, 800}), 9e-6, 1e-15);
  EXPECT_FALSE(is_measured(in_samples, gelu, {50, 800}));
}

TEST(DeviceProfile, WithoutARateOfTheSolverNothingIsForecast) {
  EXPECT_FALSE(forecast_step(made_up(), Solver::reduced_linear, relu, {50, 800}).has_value());
}

TEST(DeviceProfile, TheH100sRatesGrowWithTheWidth) {
  const DeviceProfile h100 = h100_profile();
  for (const int activation : {relu, tanh_}) {
    double before = 0;
    for (const int width : {200, 800, 3200, 12800}) {
      const StepForecast step = forecast_step(h100, in_samples, activation, {50, width}).value();
      EXPECT_TRUE(step.is_measured);
      EXPECT_GT(step.seconds, before);
      before = step.seconds;
    }
  }
  EXPECT_TRUE(forecast_step(h100, in_weights, relu, {600, 1000, 784, 10}).value().is_measured);
}

TEST(DeviceProfile, AStepIsOfABatchWhereThereAreBatches) {
  DataSettings data;
  data.samples = 600;
  data.inputs = 7;
  data.outputs = 3;
  TrainingSettings training;
  EXPECT_EQ(step_shape(data, training, 5).samples, 600);
  training.batch_size = 64;
  const StepShape shape = step_shape(data, training, 5);
  EXPECT_EQ(shape.samples, 64);
  EXPECT_EQ(shape.width, 5);
  EXPECT_EQ(shape.inputs, 7);
  EXPECT_EQ(shape.outputs, 3);
}

}  // namespace
}  // namespace fasweep
