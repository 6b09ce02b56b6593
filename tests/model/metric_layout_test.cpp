#include "model/metric_layout.hpp"

#include <gtest/gtest.h>

#include "model/metric/list.hpp"

namespace fasweep {
namespace {

TEST(MetricLayout, NumbersOfAMetricFollowOneAnother) {
  const std::vector<int> metrics{Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>(),
                                 Metrics::index_of<FeedbackNormRatioMetric>()};
  DataSettings data;
  data.samples = 7;

  const MetricLayout layout = values_of(metrics, sizes_of(data, {}, 20));

  ASSERT_EQ(layout.places.size(), 3U);
  EXPECT_EQ(layout.values, 9U);
  EXPECT_EQ(layout.places[1].metric, metrics[1]);
  EXPECT_EQ(layout.places[1].first, 1U);
  EXPECT_EQ(layout.places[1].size, 7U);
  EXPECT_EQ(layout.places[2].first, 8U);
  EXPECT_EQ(layout.places[2].size, 1U);
}

TEST(MetricLayout, OnlySeveralNumbersHaveADimension) {
  EXPECT_EQ(dimension_of(Metrics::index_of<KernelEigenvaluesMetric>()), "eigenvalue");
  EXPECT_EQ(dimension_of(Metrics::index_of<FeedbackNormRatioMetric>()), "");
  EXPECT_EQ(dimension_of(Metrics::index_of<LossMetric>()), "");
}

TEST(MetricLayout, SnapshotMetricsStandLast) {
  for (int metric = 1; metric < Metrics::size; ++metric) {
    EXPECT_LE(reads_snapshot(metric - 1), reads_snapshot(metric));
  }
  EXPECT_TRUE(reads_snapshot(Metrics::index_of<KernelEigenvaluesMetric>()));
}

TEST(MetricLayout, WidenedHasRoomForBoth) {
  const std::vector<int> metrics{Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>(),
                                 Metrics::index_of<FeedbackNormRatioMetric>()};
  const auto of_samples = [&](int samples) { return values_of(metrics, {samples, 0, 3, 1, 5}); };

  const MetricLayout layout = widen(widen(widen({}, of_samples(4)), of_samples(7)), of_samples(2));

  EXPECT_EQ(layout.values, 9U);
  EXPECT_EQ(layout.places[1].size, 7U);
  EXPECT_EQ(layout.places[2].first, 8U);
}

TEST(MetricLayout, DimensionsAreCalledAsNothingElseInAFile) {
  for (int metric = 0; metric < Metrics::size; ++metric) {
    const std::string_view dimension = dimension_of(metric);
    EXPECT_FALSE(Metrics::find(dimension)) << dimension;
    EXPECT_NE(dimension, "run");
    EXPECT_NE(dimension, "step");
  }
}

}  // namespace
}  // namespace fasweep
