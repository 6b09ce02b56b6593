#include "model/loss/list.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "support/test_types.hpp"

namespace fasweep {
namespace {

template <class Loss>
class EveryLoss : public ::testing::Test {
 protected:
  static double loss_of(const std::vector<double>& f, const std::vector<double>& y) {
    const double shared = Loss::shared(f);
    double loss = 0;
    for (std::size_t c = 0; c < f.size(); ++c) {
      loss += Loss::part(f[c], y[c], shared);
    }
    return loss;
  }

  const std::vector<double> f_{0.5, -1.25, 2.0};
  const std::vector<double> y_{0, 1, 0};
};
TYPED_TEST_SUITE(EveryLoss, testing::TestTypes<Losses>::List, );

TYPED_TEST(EveryLoss, ErrorIsItsDerivative) {
  for (std::size_t c = 0; c < this->f_.size(); ++c) {
    constexpr double h = 1e-5;  // truncation h^2 and rounding 1e-16 / h both stay below 1e-9
    std::vector<double> above = this->f_;
    std::vector<double> below = this->f_;
    above[c] += h;
    below[c] -= h;

    const double difference = (this->loss_of(above, this->y_) - this->loss_of(below, this->y_)) / (2 * h);

    EXPECT_NEAR(TypeParam::prediction(this->f_[c], TypeParam::shared(this->f_)) - this->y_[c], difference, 1e-9) << c;
  }
}

TYPED_TEST(EveryLoss, HalfSquareIsWhatSolversTakeItFor) {
  const double shared = TypeParam::shared(this->f_);
  double half_square = 0;
  for (std::size_t c = 0; c < this->f_.size(); ++c) {
    const double e = TypeParam::prediction(this->f_[c], shared) - this->y_[c];
    half_square += 0.5 * e * e;
  }

  EXPECT_EQ(this->loss_of(this->f_, this->y_) == half_square, TypeParam::is_half_square);
}

}  // namespace
}  // namespace fasweep
