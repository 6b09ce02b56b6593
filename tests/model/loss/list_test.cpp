#include "model/loss/list.hpp"

#include <cmath>
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

  template <class Number>
  static std::vector<Number> errors_of(const std::vector<Number>& f, const std::vector<Number>& y) {
    std::vector<Number> errors(f.size());
    Loss::take_errors(f, y, Loss::shared(f), errors);
    return errors;
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

    EXPECT_NEAR(this->errors_of(this->f_, this->y_)[c], difference, 1e-9) << c;
  }
}

TYPED_TEST(EveryLoss, HalfSquareIsWhatSolversTakeItFor) {
  double half_square = 0;
  for (const double e : this->errors_of(this->f_, this->y_)) {
    half_square += 0.5 * e * e;
  }

  EXPECT_EQ(this->loss_of(this->f_, this->y_) == half_square, TypeParam::is_half_square);
}

TEST(CrossEntropyLoss, KeepsAllDigitsOfAConfidentSamplesErrors) {
  // e^-30 and e^-31 beside 1, of which float32 and even float64 would keep nothing or a few digits.
  const std::vector<double> f{0, 30, -1};
  const std::vector<float> narrow{0, 30, -1};
  std::vector<double> errors(3);
  std::vector<float> narrow_errors(3);

  CrossEntropyLoss::take_errors(f, std::vector<double>{0, 1, 0}, CrossEntropyLoss::shared(f), errors);
  CrossEntropyLoss::take_errors(narrow, std::vector<float>{0, 1, 0}, CrossEntropyLoss::shared(narrow), narrow_errors);

  const double sum = std::exp(-30.0) + std::exp(-31.0);
  EXPECT_NEAR(errors[0], std::exp(-30.0), 1e-12 * sum);  // e^-30 of the sum itself is beyond its 16 digits
  EXPECT_NEAR(errors[1], -sum, 1e-12 * sum);
  EXPECT_NEAR(static_cast<double>(narrow_errors[1]), -sum, 1e-7 * sum);
}

}  // namespace
}  // namespace fasweep
