#include "model/activation/list.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "support/test_types.hpp"

namespace fasweep {
namespace {

template <class Activation>
class EveryActivation : public ::testing::Test {};
TYPED_TEST_SUITE(EveryActivation, testing::TestTypes<Activations>::List, );

TYPED_TEST(EveryActivation, DerivativeEqualsCentralDifference) {
  constexpr double h = 1e-5;  // truncation h^2 and rounding 1e-16 / h both stay below 1e-9
  for (double z = -4.05; z < 4; z += 0.1) {
    const double difference = (TypeParam::value(z + h) - TypeParam::value(z - h)) / (2 * h);
    EXPECT_NEAR(TypeParam::derivative(z, TypeParam::value(z)), difference, 1e-9) << z;
  }
}

TYPED_TEST(EveryActivation, FloatAgreesWithDouble) {
  for (double z = -4; z < 4; z += 0.01) {
    const float value = TypeParam::value(static_cast<float>(z));
    EXPECT_NEAR(value, TypeParam::value(z),
                1e-6 * (1 + std::abs(z)));  // a few float ulp of the argument and the result
  }
}

TYPED_TEST(EveryActivation, IsFiniteForUnitsThatOnlyFillAVector) {
  EXPECT_TRUE(std::isfinite(TypeParam::derivative(0.0, TypeParam::value(0.0))));
  EXPECT_TRUE(std::isfinite(TypeParam::derivative(0.0F, TypeParam::value(0.0F))));
}

TYPED_TEST(EveryActivation, LooksAtTheInputOnlyWhereItSaysSo) {
  bool looks = false;
  for (const double z : {-1.5, -0.5, 0.5, 1.5}) {
    const double h = TypeParam::value(z);
    looks = looks || TypeParam::derivative(z, h) != TypeParam::derivative(7.0, h);
  }
  EXPECT_EQ(looks, TypeParam::derivative_needs_input);
}

TYPED_TEST(EveryActivation, IsFoundByItsPosition) {
  EXPECT_EQ(derivative_needs_input(Activations::index_of<TypeParam>()), TypeParam::derivative_needs_input);
}

TEST(Activation, KnownValues) {
  EXPECT_EQ(Linear::value(-2.5), -2.5);
  EXPECT_EQ(Relu::value(-2.5), 0.0);
  EXPECT_EQ(Relu::value(2.5), 2.5);
  EXPECT_EQ(Relu::derivative(0.0, 0.0), 0.0);  // the convention ReLU'(0) = 0
  EXPECT_NEAR(Tanh::value(1.0), 0.76159415595576488812, 1e-15);
  EXPECT_NEAR(Sigmoid::value(1.0), 0.73105857863000487925, 1e-15);
  EXPECT_NEAR(Softplus::value(1.0), 1.31326168751822283405, 1e-15);
  EXPECT_NEAR(Gelu::value(1.0), 0.84134474606854294859, 1e-15);
  EXPECT_NEAR(Erf::value(1.0), 0.84270079294971486934, 1e-15);
}

TEST(Activation, NotANumberStaysNotANumber) {
  EXPECT_TRUE(std::isnan(Relu::value(std::nan(""))));
  EXPECT_TRUE(std::isnan(Tanh::value(std::nanf(""))));
}

}  // namespace
}  // namespace fasweep
