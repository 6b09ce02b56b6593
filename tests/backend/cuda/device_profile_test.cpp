// What is forecast for GPUs that are known from paper only: bounds that must hold whatever they turn out to do.
#include "backend/cuda/device_profile.hpp"

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/metric/list.hpp"

namespace fasweep {
namespace {

const DeviceProfile& profile(std::string_view name) {
  for (const DeviceProfile& device : device_profiles) {
    if (device.name == name) {
      return device;
    }
  }
  throw std::invalid_argument(std::string(name));
}

double peak_flop(const DeviceProfile& device) {
  return 2.0 * device.lanes * device.multiprocessors * device.clock_hz;
}

TEST(DeviceProfile, PeaksAreThePublishedOnes) {
  // Tflop/s of the data sheets, which round to three digits or to whole numbers.
  EXPECT_NEAR(peak_flop(profile("v100")), 15.7e12, 0.1e12);
  EXPECT_NEAR(peak_flop(profile("a100")), 19.5e12, 0.1e12);
  EXPECT_NEAR(peak_flop(profile("h100")), 67e12, 0.5e12);
  EXPECT_NEAR(peak_flop(profile("rtx4090")), 82.6e12, 0.1e12);
}

TEST(DeviceProfile, NoStepIsForecastFasterThanThePeak) {
  for (const DeviceProfile& device : device_profiles) {
    for (const int width : {200, 3200, 12800}) {
      for (const int runs : {1, 7, 100}) {
        const StepForecast step = forecast_step(device, {50, 60, width}, Activations::index_of<Relu>(), runs);
        const double flop = 2.0 * 50 * 60 * width * runs;
        EXPECT_GE(step.seconds(), flop / peak_flop(device)) << device.name << ", p = " << width;
        EXPECT_GE(step.seconds(), step.launch_s);
      }
    }
  }
}

TEST(DeviceProfile, LargerBatchesTakeLongerButLessARunUntilTheDeviceIsFull) {
  const DeviceProfile& device = profile("a100");
  const BatchShape shape{50, 50, 800};
  const int tanh = Activations::index_of<Tanh>();
  const int full = choose_batch(device, shape, 10000);
  double before = forecast_step(device, shape, tanh, 1).seconds();
  for (int runs = 2; runs <= full; runs *= 2) {
    const double now = forecast_step(device, shape, tanh, runs).seconds();
    EXPECT_GE(now, before);
    EXPECT_LT(now / runs, 2 * before / runs);
    before = now;
  }
}

TEST(DeviceProfile, StateThatLeavesL2IsBoundByMemory) {
  const BatchShape shape{50, 50, 12800};
  const StepForecast few = forecast_step(profile("v100"), shape, 0, 1);
  const StepForecast many = forecast_step(profile("v100"), shape, 0, 16);
  EXPECT_TRUE(few.in_l2);
  EXPECT_FALSE(many.in_l2);
  const double bytes = 16.0 * 2 * 4 * 12800 * (50 + 50 + 1);
  EXPECT_NEAR(many.memory_s, bytes / 0.9e12, 1e-9);
}

TEST(DeviceProfile, BatchesFitIntoMemoryAndAreNoLargerThanAsked) {
  const DeviceProfile& device = profile("rtx4090");
  EXPECT_EQ(choose_batch(device, BatchShape{50, 50, 200}, 3), 3);
  const BatchShape huge{256, 256, 4000000};
  EXPECT_LE(static_cast<double>(batch_bytes(huge, 1, choose_batch(device, huge, 1000))), device.memory_bytes);
  EXPECT_EQ(choose_batch(device, huge, 1000), 1) << "the multiprocessors would hold four, the memory does not";
}

TEST(DeviceProfile, ChunksEndAtRecordedStepsAndAtTheLimit) {
  const std::vector<std::int64_t> every{0, 1, 2, 3};
  EXPECT_EQ(count_chunks(every, 3), 3 + 1);
  const std::vector<std::int64_t> sparse{0, 200, 1000};
  EXPECT_EQ(count_chunks(sparse, 1000), 2 + 7 + 1);
  EXPECT_EQ(count_chunks(sparse, 210), 2 + 1 + 1) << "a run that is known to stop earlier";
}

TEST(DeviceProfile, ABatchTakesAtLeastItsSteps) {
  const DeviceProfile& device = profile("h100");
  const BatchShape shape{50, 50, 3200};
  const double step = forecast_step(device, shape, 1, 31).seconds();
  EXPECT_GT(forecast_batch(device, shape, 1, 31, 20000, 300), 20000 * step);
  EXPECT_LT(forecast_batch(device, shape, 1, 31, 20000, 300), 1.5 * 20000 * step) << "copies are the smaller part";
}

TEST(DeviceProfile, AStepInWeightSpaceTakesItsProductsAtPeakAtLeast) {
  const DeviceProfile& device = profile("h100");
  WeightSpaceShape mnist;
  mnist.samples = 60000;
  mnist.test_samples = 10000;
  mnist.inputs = 784;
  mnist.outputs = 10;
  mnist.width = 1000;
  mnist.batch_samples = 600;
  mnist.takes_minibatches = true;
  mnist.shares_data = true;
  mnist.traits = sees_test_set;
  const StepForecast one = forecast_step(device, mnist, 1);
  const double products = 2 * 2.0 * 600 * 1000 * (784 + 10);
  EXPECT_NEAR(one.arithmetic_s, products / 66.9e12, 0.01 * one.arithmetic_s) << "67 Tflop/s are published";
  EXPECT_NEAR(one.launch_s, 9 * 3e-6, 1e-12) << "four products, four kernels, the gathering";
  const int batch = choose_batch(device, mnist, 30);
  EXPECT_EQ(batch, 30) << "all of them: 52 would give each of 132 multiprocessors 16 blocks of 128 x 128";
  EXPECT_LT(forecast_step(device, mnist, batch).seconds() / batch, one.seconds());
  EXPECT_GT(forecast_batch(device, mnist, batch, 30000, 301), 30000 * forecast_step(device, mnist, batch).seconds());
}

}  // namespace
}  // namespace fasweep
