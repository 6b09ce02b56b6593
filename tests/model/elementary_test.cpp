#include "model/elementary.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

/// Largest distance of `ours` from the long double `exact`, in units of the last place of T, over [low, high].
template <class T, class Ours, class Exact>
double worst_ulp(Ours ours, Exact exact, double low, double high) {
  double worst = 0;
  constexpr int points = 200001;
  for (int i = 0; i < points; ++i) {
    const T z = static_cast<T>(low + (high - low) * i / (points - 1));
    const long double truth = exact(static_cast<long double>(z));
    const T rounded = static_cast<T>(truth);
    const long double ulp =
        std::abs(static_cast<long double>(std::nextafter(rounded, std::numeric_limits<T>::infinity())) - rounded);
    worst = std::max(worst, static_cast<double>(std::abs(static_cast<long double>(ours(z)) - truth) / ulp));
  }
  return worst;
}

// The bounds are those the header states; the oracle is the C library's long double functions.
template <class T>
double exp_error(double low, double high) {
  return worst_ulp<T>([](T z) { return elementary::exp(z); }, [](long double z) { return std::exp(z); }, low, high);
}
template <class T>
double tanh_error(double low, double high) {
  return worst_ulp<T>([](T z) { return elementary::tanh(z); }, [](long double z) { return std::tanh(z); }, low, high);
}

TEST(Elementary, ExpIsWithinItsStatedBound) {
  EXPECT_LE(exp_error<float>(-86, 87), 6);
  EXPECT_LE(exp_error<double>(-700, 700), 3);
}

TEST(Elementary, TanhIsWithinItsStatedBound) {
  EXPECT_LE(tanh_error<float>(-12, 12), 6);
  EXPECT_LE(tanh_error<double>(-25, 25), 3);
  EXPECT_LE(tanh_error<double>(-1e-3, 1e-3), 3);
}

TEST(Elementary, SoftplusIsWithinItsStatedBound) {
  const auto exact = [](long double z) { return std::log1p(std::exp(z)); };
  EXPECT_LE(worst_ulp<float>([](float z) { return elementary::softplus(z); }, exact, -80, 80), 8);
  EXPECT_LE(worst_ulp<double>([](double z) { return elementary::softplus(z); }, exact, -80, 80), 6);
  EXPECT_EQ(elementary::softplus(1e30F), 1e30F);
  EXPECT_EQ(elementary::softplus(1e300), 1e300);
}

TEST(Elementary, LogOnePlusIsWithinItsStatedBound) {
  const auto exact = [](long double u) { return std::log1p(u); };
  EXPECT_LE(worst_ulp<float>([](float u) { return elementary::log_one_plus(u); }, exact, 0, 1), 4);
  EXPECT_LE(worst_ulp<double>([](double u) { return elementary::log_one_plus(u); }, exact, 0, 1), 4);
}

TEST(Elementary, ErfIsWithinItsStatedBound) {
  const auto exact = [](long double z) { return std::erf(z); };
  EXPECT_LE(worst_ulp<float>([](float z) { return elementary::erf(z); }, exact, -6, 6), 4);
  EXPECT_LE(worst_ulp<double>([](double z) { return elementary::erf(z); }, exact, -7, 7), 4);
  EXPECT_LE(worst_ulp<double>([](double z) { return elementary::erf(z); }, exact, -1e-3, 1e-3), 4);
  EXPECT_EQ(elementary::erf(1e30F), 1.0F);
  EXPECT_EQ(elementary::erf(-1e300), -1.0);
}

TEST(Elementary, ErfcIsWithinItsStatedBound) {
  const auto exact = [](long double z) { return std::erfc(z); };
  EXPECT_LE(worst_ulp<float>([](float z) { return elementary::erfc(z); }, exact, 1, 8), 4 + 2 * 64);
  EXPECT_LE(worst_ulp<double>([](double z) { return elementary::erfc(z); }, exact, 1, 8), 4 + 2 * 64);
  EXPECT_LE(worst_ulp<float>([](float z) { return 1 + elementary::erfc(z); },
                             [](long double z) { return 1 + std::erfc(z); }, -6, 1),
            4);
  EXPECT_LE(worst_ulp<double>([](double z) { return 1 + elementary::erfc(z); },
                              [](long double z) { return 1 + std::erfc(z); }, -6, 1),
            4);
}

TEST(Elementary, TanhSaturatesAndKeepsNotANumber) {
  EXPECT_NEAR(elementary::tanh(1e30F), 1.0F, 1e-6F);
  EXPECT_EQ(elementary::tanh(-1e300), -1.0);
  EXPECT_TRUE(std::isnan(elementary::tanh(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_TRUE(std::isnan(elementary::tanh(std::numeric_limits<double>::quiet_NaN())));
}

}  // namespace
}  // namespace fasweep
