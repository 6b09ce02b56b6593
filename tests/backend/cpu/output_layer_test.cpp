#include "backend/cpu/output_layer.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "model/loss/list.hpp"
#include "model/observation.hpp"

namespace fasweep {
namespace {

using Outputs = Eigen::MatrixXf;

TEST(OutputLayer, CrossEntropyOfHugeOutputsIsFinite) {
  const Outputs f{{3e38F, -3e38F}, {-3e38F, 3e38F}, {0, 0}};
  const Outputs y{{1, 1}, {0, 0}, {0, 0}};
  Outputs error(3, 2);

  const OutputSums sums = take_errors(LossFunction::cross_entropy, f, y, error);

  EXPECT_EQ(error.col(0), Eigen::Vector3f(0, 0, 0));
  EXPECT_EQ(error.col(1), Eigen::Vector3f(-1, 1, 0));
  EXPECT_TRUE(std::isfinite(sums.loss));
  EXPECT_EQ(sums.correct, 1);
}

TEST(OutputLayer, SquaredLossIsHalfTheSquaredError) {
  const Outputs f{{1, 2}, {0, 5}};
  const Outputs y{{1, 0}, {0, 1}};
  Outputs error(2, 2);

  const OutputSums sums = take_errors(LossFunction::squared, f, y, error);

  EXPECT_EQ(sums.squared_error, 20);
  EXPECT_EQ(sums.loss, 10);
  EXPECT_EQ(sums.correct, 2);
}

TEST(OutputLayer, SamplesWithoutASignalAreLeftOutOfItsCosine) {
  const Eigen::MatrixXd beta{{1, 0}, {0, 1}};
  const Eigen::MatrixXd b{{1, 0}, {0, 2}};
  const Eigen::MatrixXd error{{1, 1e-20, 0}, {1, 0, 0}};
  Observation o;
  observe_signals(beta, b, error, o);
  EXPECT_DOUBLE_EQ(o.signal_cosine, 3 / std::sqrt(10.0));  // of the first sample alone: (1, 1) and (1, 2)
  EXPECT_NEAR(o.signal_deviation, 0, 1e-15);
  EXPECT_EQ(o.without_signal, 2);

  Observation none;
  observe_signals(beta, b, Eigen::MatrixXd::Zero(2, 3), none);
  EXPECT_TRUE(std::isnan(none.signal_cosine));
  EXPECT_TRUE(std::isnan(none.signal_deviation));
  EXPECT_TRUE(std::isnan(none.batch_signal_cosine));
  EXPECT_EQ(none.without_signal, 3);
}

}  // namespace
}  // namespace fasweep
