#include "model/metric.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

TEST(Metric, CosineIsSignedAndBounded) {
  EXPECT_DOUBLE_EQ(cosine(-6, 4, 9), -1);
  EXPECT_DOUBLE_EQ(cosine(3, 4, 9), 0.5);
  EXPECT_EQ(cosine(6.0000000001, 4, 9), 1);
  EXPECT_TRUE(std::isnan(cosine(0, 0, 9)));
}

TEST(Metric, ValuesFollowTheirDefinitions) {
  Observation o;
  o.ridge = 0.5;
  o.loss = 4;
  o.squared_error = 8;
  o.output_square = 16;
  o.decayed_square = 16;
  o.hidden_change_square = 9;

  EXPECT_EQ(LossMetric::value(o), 4);
  EXPECT_EQ(RegularizedLossMetric::value(o), 8);
  EXPECT_EQ(ErrorNormMetric::value(o), std::sqrt(8.0));
  EXPECT_EQ(OutputNormMetric::value(o), 4);
  EXPECT_EQ(HiddenChangeMetric::value(o), 3);
  EXPECT_TRUE(std::isnan(TestLossMetric::value(o)));
}

TEST(Metric, OneOutputsObservationFollowsFromItsSums) {
  Observation o;
  o.squared_error = 8;
  o.output_square = 4;
  o.feedback_square = 9;
  o.feedback_dot_output = -3;

  complete_single_output(6, o);

  EXPECT_EQ(TestLossMetric::value(o), 3);
  EXPECT_EQ(BatchLossMetric::value(o), LossMetric::value(o));
  EXPECT_DOUBLE_EQ(SignalAlignmentMetric::value(o), -0.5);
  EXPECT_EQ(SignalAlignmentDeviationMetric::value(o), 0);
  EXPECT_DOUBLE_EQ(BatchSignalAlignmentMetric::value(o), -0.5);
  EXPECT_TRUE(std::isnan(AccuracyMetric::value(o)));
}

TEST(Metric, SignalsWithoutALengthHaveNoCosine) {
  Observation o;
  o.squared_error = 1e-31;
  o.output_square = 1;
  o.feedback_square = 1;
  complete_single_output(not_a_number, o);
  EXPECT_TRUE(std::isnan(SignalAlignmentMetric::value(o)));
}

TEST(Metric, ChosenMetricsComeInTheirOrder) {
  Observation o;
  o.loss = 4;
  o.max_output_change = 7;
  EXPECT_EQ(evaluate_metrics({0, Metrics::index_of<MaxOutputChangeMetric>()}, o), (std::vector<double>{4, 7}));
}

}  // namespace
}  // namespace fasweep
