// plan --device-profile: every run is forecast once, on the device or on the CPU, and the sums are those of the rows.
#include "cli/device_forecast.hpp"

#include <gtest/gtest.h>

#include "model/activation/list.hpp"

namespace fasweep::cli {
namespace {

Plan make_plan(const std::string& lines) {
  return Plan(parse_job("[grid]\np = 200, 3200\nlambda = 0, 1\nseed = 0..49\n" + lines, "test"));
}

TEST(DeviceForecast, EveryRunIsOnTheDeviceOrLeftToTheCpu) {
  const Plan plan = make_plan("activation = linear, relu, tanh\n");
  for (const DeviceProfile& device : device_profiles) {
    const DeviceForecast forecast = forecast_device(plan, device);
    std::int64_t on_device = 0;
    double seconds = 0;
    for (const ForecastRow& row : forecast.rows) {
      on_device += row.runs;
      seconds += row.seconds;
      EXPECT_NE(row.activation, Activations::index_of<Linear>()) << "reduced-linear needs no GPU";
      const double batches = std::ceil(static_cast<double>(row.runs) / row.batch);
      EXPECT_GE(row.seconds, row.steps * (batches - 1) * row.step.seconds());
    }
    EXPECT_EQ(forecast.rows.size(), 4U);
    EXPECT_EQ(on_device + forecast.left_to_cpu, plan.size());
    EXPECT_DOUBLE_EQ(seconds, forecast.device_s);
    EXPECT_LE(forecast.most_batch_bytes, device.memory_bytes);
  }
}

TEST(DeviceForecast, ABatchIsNoLargerThanTheRunsThereAre) {
  const Plan plan = make_plan("activation = relu\n");
  for (const ForecastRow& row : forecast_device(plan, device_profiles.back()).rows) {
    EXPECT_LE(row.batch, row.runs);
    EXPECT_EQ(row.runs, 100);
  }
}

TEST(DeviceForecast, FasterDevicesTakeLessTime) {
  const Plan plan = make_plan("activation = tanh\n");
  const auto seconds = [&](std::size_t device) { return forecast_device(plan, device_profiles[device]).device_s; };
  EXPECT_GT(seconds(0), seconds(1)) << "V100 and A100";
  EXPECT_GT(seconds(1), seconds(2)) << "A100 and H100";
}

TEST(DeviceForecast, MetricsThatReadTheNetworkStayOnTheCpu) {
  const Plan plan = make_plan("activation = relu\n[record]\nmetrics = loss, kernel_eigenvalues\n");
  const DeviceForecast forecast = forecast_device(plan, device_profiles[0]);
  EXPECT_EQ(forecast.left_to_cpu, plan.size());
  EXPECT_EQ(forecast.why_left_to_cpu, why_left_to_cpu(plan.metrics()));
  EXPECT_FALSE(forecast.why_left_to_cpu.empty());
}

TEST(DeviceForecast, Float64StaysOnTheCpu) {
  const Plan plan = make_plan("activation = relu\n[training]\nprecision = float64\n");
  EXPECT_EQ(forecast_device(plan, device_profiles[0]).left_to_cpu, plan.size());
}

}  // namespace
}  // namespace fasweep::cli
