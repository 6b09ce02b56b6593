#include "sweep/sampling.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

TEST(Sampling, ALargerCountKeepsThePointsOfASmallerOne) {
  for (const auto points : {sobol_points, random_points}) {
    const auto few = points(10, 3);
    const auto many = points(100, 3);
    for (std::size_t axis = 0; axis < few.size(); ++axis) {
      EXPECT_TRUE(std::equal(few[axis].begin(), few[axis].end(), many[axis].begin()));
      for (const double value : many[axis]) {
        EXPECT_GT(value, 0);
        EXPECT_LT(value, 1);
      }
    }
  }
}

/// Of points 0 to 2^k - 1 of the sequence, each of 2^k equal intervals of every axis holds one (Sobol 1967). Point 0 is
/// the corner, which is left out.
TEST(Sampling, SobolPointsStratifyEveryAxis) {
  constexpr int cells = 64;
  const auto points = sobol_points(cells - 1, 5);
  for (const std::vector<double>& axis : points) {
    std::vector<int> hits(cells);
    ++hits[0];
    for (const double value : axis) {
      ++hits[static_cast<std::size_t>(value * cells)];
    }
    EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), cells);
  }
}

TEST(Sampling, RandomPointsAreUniformAndIndependentOfEachOther) {
  constexpr int count = 10000;
  const auto points = random_points(count, 2);
  double mean = 0;
  double product = 0;
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    mean += points[0][at] / count;
    product += (points[0][at] - 0.5) * (points[1][at] - 0.5) / count;
  }
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1.0 / 12 / count));  // five standard errors
  EXPECT_NEAR(product, 0, 5 / 12.0 / std::sqrt(count));
}

}  // namespace
}  // namespace fasweep
