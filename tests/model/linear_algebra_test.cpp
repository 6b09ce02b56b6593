#include "model/linear_algebra.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

TEST(LinearAlgebra, ProductsAreThoseByHand) {
  const std::vector<double> a{1, 2, 3, 4, 5, 6};  // 2 x 3
  const std::vector<double> b{1, 0, 2, 0, 1, 0, 1, 1, 1};
  std::vector<double> c(6);
  multiply_transposed(a, b, 3, c);
  EXPECT_THAT(c, ElementsAre(7, 2, 6, 16, 5, 15));
  add_product(a, b, 3, c);  // b as 3 x 3
  EXPECT_THAT(c, ElementsAre(7 + 4, 2 + 5, 6 + 5, 16 + 10, 5 + 11, 15 + 14));
}

TEST(LinearAlgebra, EigenvaluesOfAGramMatrixAscend) {
  SymmetricMatrix matrix(2);
  matrix.add_gram(std::vector<double>{1, 1, 9, 1, -1, 9}, 3, 0.5);  // I, the third column left out
  matrix.add_gram(std::vector<double>{1, 1}, 2, 1);                 // + (1 1; 1 1)
  EXPECT_THAT(matrix.eigenvalues(), ElementsAre(DoubleNear(1, 1e-15), DoubleNear(3, 1e-15)));
}

TEST(LinearAlgebra, ASymmetricMatrixHasOneNumberForBothSides) {
  SymmetricMatrix matrix(2);
  matrix.set(0, 0, 1);
  matrix.set(0, 1, 2);
  matrix.set(1, 1, 5);
  EXPECT_EQ(matrix.at(1, 0), 2);
  EXPECT_THAT(matrix.product(std::vector<double>{3, -1}), ElementsAre(1, 1));
  EXPECT_EQ(matrix.form(std::vector<double>{3, -1}), 2);
  matrix *= 2.0;
  EXPECT_EQ(matrix.at(0, 1), 4);
  EXPECT_EQ(norm(std::vector<double>{3, 4}), 5);
}

TEST(LinearAlgebra, WhatIsNotFiniteHasNoEigenvalues) {
  SymmetricMatrix matrix(2);
  matrix.add_gram(std::vector<double>{1, std::numeric_limits<double>::infinity()}, 2, 1);
  for (const double value : matrix.eigenvalues()) {
    EXPECT_TRUE(std::isnan(value));
  }
}

}  // namespace
}  // namespace fasweep
