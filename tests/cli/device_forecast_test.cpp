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
  const DeviceForecast forecast = forecast_device(plan, h100_profile());
  std::int64_t on_device = 0;
  double seconds = 0;
  for (const ForecastRow& row : forecast.rows) {
    on_device += row.runs;
    seconds += row.seconds;
    EXPECT_NE(row.activation, Activations::index_of<Linear>()) << "reduced-linear needs no GPU";
    EXPECT_DOUBLE_EQ(row.seconds, static_cast<double>(row.runs) * row.steps * row.step.seconds);
  }
  EXPECT_EQ(forecast.rows.size(), 4U);
  EXPECT_EQ(on_device + forecast.left_to_cpu, plan.size());
  EXPECT_EQ(forecast.unknown, 0);
  EXPECT_DOUBLE_EQ(seconds, forecast.device_s);
}

TEST(DeviceForecast, RunsOfAKindThatWasNotMeasuredAreCounted) {
  DeviceProfile only_weights = h100_profile();
  std::erase_if(only_weights.rates, [](const MeasuredRate& rate) { return rate.solver == Solver::sample_space; });
  const Plan plan = make_plan("activation = relu\n");
  const DeviceForecast forecast = forecast_device(plan, only_weights);
  EXPECT_EQ(forecast.unknown, plan.size());
  EXPECT_EQ(forecast.left_to_cpu, 0);
  EXPECT_TRUE(forecast.rows.empty());
}

TEST(DeviceForecast, Float64StaysOnTheCpu) {
  const Plan plan = make_plan("activation = relu\n[training]\nprecision = float64\n");
  EXPECT_EQ(forecast_device(plan, h100_profile()).left_to_cpu, plan.size());
}

}  // namespace
}  // namespace fasweep::cli
