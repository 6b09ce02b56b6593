#include "model/initial/list.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <Eigen/Dense>

#include "support/test_types.hpp"

namespace fasweep {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

WeightDraw draw_of(int rows, int columns) {
  return {{7, rows, Purpose::hidden_weight}, rows, columns, {columns, rows}};
}

RowMajor matrix_of(const WeightLaw& law, const WeightDraw& draw) {
  return Eigen::Map<const RowMajor>(draw_weights(law, draw).data(), draw.rows, draw.columns);
}

/// What a law says of one weight of a layer that takes 50 numbers in and gives 400 out: variance, and the largest size;
/// infinite if it has none.
struct Expected {
  WeightLaw law;
  double mean;
  double variance;
  double most;
};

std::vector<Expected> expectations() {
  const double unbounded = INFINITY;
  const double half_mean = 3 * std::sqrt(2 / std::acos(-1.0));
  return {{GaussianLaw{}, 0, 1, unbounded},
          {GaussianScaledLaw{}, 0, 1.0 / 50, unbounded},
          {NormalLaw{{}, {0.3}}, 0, 0.09, unbounded},
          {UniformLaw{{}, {0.6}}, 0, 0.12, 0.6},
          {GlorotNormalLaw{{{}, {2}}}, 0, 8.0 / 450, unbounded},
          {GlorotUniformLaw{{{}, {2}}}, 0, 8.0 / 450, 2 * std::sqrt(6.0 / 450)},
          {HeNormalLaw{{{}, {2}}}, 0, 8.0 / 50, unbounded},
          {HeUniformLaw{{{}, {2}}}, 0, 8.0 / 50, 2 * std::sqrt(6.0 / 50)},
          {ZeroLaw{}, 0, 0, 0},
          {OrthogonalLaw{{}, {3}}, 0, 9.0 / 400, 3},
          {SparseLaw{{}, {0.75, 2}}, 0, 1, unbounded},
          {LowRankLaw{{}, {25, 2}}, 0, 4, unbounded},
          {PositiveLaw{{}, {3}}, half_mean, 9 - half_mean * half_mean, unbounded}};
}

TEST(WeightLaw, MomentsAndRangesAreThoseOfEveryLaw) {
  const std::vector<Expected> all = expectations();
  ASSERT_EQ(static_cast<int>(all.size()), WeightLaws::size);
  for (const Expected& e : all) {
    SCOPED_TRACE(WeightLaws::names[static_cast<std::size_t>(e.law.position())]);
    const RowMajor w = matrix_of(e.law, draw_of(400, 50));
    const double mean = w.mean();
    const double variance = (w.array() - mean).square().mean();

    // Standard errors of 20000 independent numbers: 0.007 deviations, and 0.02 (sparse, of fourth moment 12) of the
    // variance. Those of rank 25 have products in common: 0.04 of the variance.
    EXPECT_NEAR(mean, e.mean, 0.03 * std::sqrt(e.variance));
    EXPECT_NEAR(variance, e.variance, 0.1 * e.variance);
    EXPECT_LE(w.cwiseAbs().maxCoeff(), e.most);
    EXPECT_EQ(has_zero_mean(e.law), e.mean == 0);
    if (std::isfinite(e.most) && !is_made_whole(e.law)) {
      EXPECT_GE(w.cwiseAbs().maxCoeff(), 0.99 * e.most);
    }
    if (const auto known = gaussian_variance(e.law, {50, 400})) {
      EXPECT_DOUBLE_EQ(*known, e.variance);
    }
  }
}

TEST(WeightLaw, OnlyGaussianOnesHaveAFourthMomentOfThree) {
  for (const Expected& e : expectations()) {
    SCOPED_TRACE(WeightLaws::names[static_cast<std::size_t>(e.law.position())]);
    const RowMajor w = matrix_of(e.law, draw_of(400, 50));
    const double kurtosis = w.array().pow(4).mean() / std::pow(w.array().square().mean(), 2);
    if (gaussian_variance(e.law, {50, 400})) {
      EXPECT_NEAR(kurtosis, 3, 0.2) << "standard error of 20000 numbers: sqrt(24 / 20000) = 0.035";
    }
  }
}

TEST(WeightLaw, OrthogonalWeightsHaveOrthonormalRowsOrColumns) {
  for (const auto& [rows, columns] : {std::pair{9, 4}, {4, 9}, {60, 60}, {1, 5}, {5, 1}}) {
    const RowMajor w = matrix_of(OrthogonalLaw{{}, {2}}, draw_of(rows, columns));
    const RowMajor gram = rows < columns ? RowMajor(w * w.transpose()) : RowMajor(w.transpose() * w);

    // Twice Gram-Schmidt leaves some rounding of each of 60 sums.
    EXPECT_LT((gram - 4 * RowMajor::Identity(gram.rows(), gram.rows())).cwiseAbs().maxCoeff(), 1e-13);
  }
}

TEST(WeightLaw, OrthogonalWeightsAreTheQOfEigensDecomposition) {
  const WeightDraw draw = draw_of(40, 12);
  const Eigen::MatrixXd gaussian = matrix_of(GaussianLaw{}, draw);
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(gaussian);
  Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(40, 12);
  for (int j = 0; j < 12; ++j) {  // the one whose R has a positive diagonal
    q.col(j) *= qr.matrixQR()(j, j) < 0 ? -1 : 1;
  }

  EXPECT_LT((matrix_of(OrthogonalLaw{{}, {1}}, draw) - q).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(WeightLaw, LowRankWeightsHaveTheirRankAndNoMoreThanTheShorterSide) {
  for (const auto& [asked, rank] : {std::pair{1, 1}, {3, 3}, {7, 7}, {20, 7}}) {
    const RowMajor w = matrix_of(LowRankLaw{{}, {static_cast<double>(asked), 1}}, draw_of(30, 7));
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(w);

    EXPECT_EQ((svd.singularValues().array() > 1e-10 * svd.singularValues()[0]).count(), rank);
  }
}

TEST(WeightLaw, SparseWeightsHaveTheirShareOfZeros) {
  for (const double q : {0.0, 0.25, 0.9}) {
    const RowMajor w = matrix_of(SparseLaw{{}, {q, 1}}, draw_of(400, 50));
    EXPECT_NEAR((w.array() == 0).cast<double>().mean(), q, 0.015);  // standard error of 20000: at most 0.0035
  }
}

TEST(WeightLaw, ZerosOfSparseWeightsDoNotDependOnTheirSize) {
  const WeightDraw draw = draw_of(400, 50);
  const RowMajor sparse = matrix_of(SparseLaw{{}, {0.5, 1}}, draw);
  const RowMajor dense = matrix_of(GaussianLaw{}, draw);
  const auto zeros = (sparse.array() == 0).cast<double>();

  EXPECT_TRUE(((sparse - dense).array() == 0 || sparse.array() == 0).all());
  // Of the 10000 that became 0 the mean square is that of all, standard error sqrt(2 / 10000).
  EXPECT_NEAR((zeros * dense.array().square()).sum() / zeros.sum(), 1, 0.06);
}

TEST(WeightLaw, DefaultIsTheStreamItself) {
  const WeightDraw draw = draw_of(8, 5);
  std::vector<double> expected(40);
  draw.stream.fill_normal(expected);

  EXPECT_EQ(draw_weights({}, draw), expected);
}

/// A law of the type with values that it accepts.
template <class Type>
Type example() {
  Type law;
  for (const std::vector<double>& values : {std::vector<double>{}, {2}, {0.5, 2}, {3, 2}}) {
    if (take_values(law, values) && law.valid()) {
      return law;
    }
  }
  throw std::logic_error("no example of this law; give it values here");
}

template <class Type>
class EveryWeightLaw : public ::testing::Test {};
TYPED_TEST_SUITE(EveryWeightLaw, testing::TestTypes<WeightLaws>::List, );

TYPED_TEST(EveryWeightLaw, BlocksOfRowsAreThoseOfTheWhole) {
  const WeightLaw law = example<TypeParam>();
  const WeightDraw draw = draw_of(9, 3);
  const std::vector<double> whole = draw_weights(law, draw);
  const FillRows fill = row_source(law, draw);
  for (int first = 0; first < 9; first += 2) {
    std::vector<double> rows(12);  // beyond the last of 9 rows too
    fill(first, rows);
    const std::ptrdiff_t real = 3 * std::min(4, 9 - first);
    EXPECT_TRUE(std::equal(rows.begin(), rows.begin() + real, whole.begin() + std::ptrdiff_t{first} * 3));
    EXPECT_TRUE(std::all_of(rows.begin() + real, rows.end(), [](double w) { return std::isfinite(w); }));
  }
}

TYPED_TEST(EveryWeightLaw, OtherSeedsAndStartsGiveOtherWeights) {
  const WeightLaw law = example<TypeParam>();
  WeightDraw other_seed = draw_of(9, 3);
  other_seed.stream.seed = 8;
  WeightDraw other_start = draw_of(9, 3);
  other_start.start = 28;
  const std::vector<double> weights = draw_weights(law, draw_of(9, 3));
  const bool is_zero = std::ranges::count(weights, 0.0) == 27;

  EXPECT_EQ(draw_weights(law, other_seed) == weights, is_zero);
  EXPECT_EQ(draw_weights(law, other_start) == weights, is_zero);
}

TYPED_TEST(EveryWeightLaw, RefusesValuesThatMeanNothing) {
  TypeParam law = example<TypeParam>();
  EXPECT_EQ(law.accepted.empty(), law.values.empty());
  if (!law.values.empty()) {
    law.values.back() = -1;
    EXPECT_FALSE(law.valid());
    law.values.back() = NAN;
    EXPECT_FALSE(law.valid());
  }
}

}  // namespace
}  // namespace fasweep
