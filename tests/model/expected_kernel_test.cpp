#include "model/expected_kernel.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/random.hpp"

namespace fasweep {
namespace {

/// The covariance of z = W x over N(0, 1) weights, for vectors x.
SymmetricMatrix covariance(const std::vector<std::vector<double>>& x) {
  SymmetricMatrix matrix(static_cast<int>(x.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < x[i].size(); ++k) {
        sum += x[i][k] * x[j][k];
      }
      matrix.set(static_cast<int>(i), static_cast<int>(j), sum);
    }
  }
  return matrix;
}

// Small, large, nearly parallel, opposite and orthogonal vectors.
const std::vector<std::vector<double>> vectors{{1, 0}, {0.3, 0.4}, {2, 1}, {2, 1.01}, {-2, -1}, {0, 3}};

class ExpectedKernel : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(, ExpectedKernel, ::testing::Range(0, Activations::size), [](const auto& instance) {
  return std::string(Activations::names[static_cast<std::size_t>(instance.param)]);
});

TEST_P(ExpectedKernel, IsTheMeanOverDrawnWeights) {
  constexpr std::size_t draws = 400'000;
  std::vector<double> weights(2 * draws);
  RandomStream{3, 1, Purpose::hidden_weight}.fill_normal(weights, 0);
  const SymmetricMatrix kernel = expected_kernel(GetParam(), covariance(vectors));
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double mean = 0;
      double square = 0;
      for (std::size_t k = 0; k < draws; ++k) {
        const auto psi = [&](const std::vector<double>& x) {
          const double z = weights[2 * k] * x[0] + weights[2 * k + 1] * x[1];
          return Activations::visit(GetParam(), [z](auto type) { return decltype(type)::type::value(z); });
        };
        const double product = psi(vectors[i]) * psi(vectors[j]);
        mean += product / draws;
        square += product * product / draws;
      }
      const double error = std::sqrt((square - mean * mean) / draws);
      EXPECT_NEAR(kernel.at(static_cast<int>(i), static_cast<int>(j)), mean, 4.5 * error + 1e-15) << i << ", " << j;
    }
  }
}

TEST(ExpectedKernels, AreThoseOfTheQuadratureInTwoDimensions) {
  const SymmetricMatrix c = covariance(vectors);
  for (int activation = 0; activation < Activations::size; ++activation) {
    if (activation == Activations::index_of<Relu>()) {
      continue;  // whose kink makes the quadrature slow
    }
    const SymmetricMatrix kernel = expected_kernel(activation, c);
    for (int i = 0; i < c.size(); ++i) {
      for (int j = 0; j <= i; ++j) {
        const double integral = integrate_product(activation, {c.at(i, i), c.at(j, j), c.at(i, j)});
        // Closed form, Mehler's series and trapezoidal rule: roundings.
        EXPECT_NEAR(kernel.at(i, j), integral, 1e-12 * std::sqrt(c.at(i, i) * c.at(j, j)) + 1e-13)
            << Activations::names[static_cast<std::size_t>(activation)] << ", " << i << ", " << j;
      }
    }
  }
}

TEST(ExpectedProduct, OfReluHasKnownValues) {
  const int relu = Activations::index_of<Relu>();
  EXPECT_NEAR(expected_product(relu, {1, 1, 1}), 0.5, 1e-15);
  EXPECT_NEAR(expected_product(relu, {4, 1, 0}), 2 / (2 * std::acos(-1.0)), 1e-15);
  EXPECT_NEAR(expected_product(relu, {1, 1, -1}), 0, 1e-15);
}

}  // namespace
}  // namespace fasweep
