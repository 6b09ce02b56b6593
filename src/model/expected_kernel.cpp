#include "model/expected_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <type_traits>
#include <vector>

#include "model/activation/list.hpp"

namespace fasweep {
namespace {

double correlation(const Covariance& c) {
  const double root = std::sqrt(c.first) * std::sqrt(c.second);
  return root > 0 ? std::clamp(c.mixed / root, -1.0, 1.0) : 0;
}

// E psi(u) psi(v) where it has a closed form.

std::optional<double> closed_form(std::type_identity<Linear> /*psi*/, const Covariance& c) {
  return c.mixed;
}

/// The arc-cosine kernel of degree 1 (Cho, Saul 2009).
std::optional<double> closed_form(std::type_identity<Relu> /*psi*/, const Covariance& c) {
  const double angle = std::acos(correlation(c));
  const double root = std::sqrt(c.first) * std::sqrt(c.second);
  return root * (std::sin(angle) + (std::numbers::pi - angle) * std::cos(angle)) / (2 * std::numbers::pi);
}

/// Williams 1997.
std::optional<double> closed_form(std::type_identity<Erf> /*psi*/, const Covariance& c) {
  const double root = std::sqrt((1 + 2 * c.first) * (1 + 2 * c.second));
  return 2 / std::numbers::pi * std::asin(std::clamp(2 * c.mixed / root, -1.0, 1.0));
}

template <class Activation>
std::optional<double> closed_form(std::type_identity<Activation> /*psi*/, const Covariance& /*c*/) {
  return {};
}

std::optional<double> closed_form(int activation, const Covariance& c) {
  return Activations::visit(activation, [&](auto type) { return closed_form(type, c); });
}

double psi(int activation, double z) {
  return Activations::visit(activation, [z](auto type) { return decltype(type)::type::value(z); });
}

/// Points of the trapezoidal rule for x ~ N(0, 1). Its error in a psi(deviation x) whose nearest singularity is a
/// from the real axis is exp(-2 pi a / (deviation step)); a >= pi / 2 in all that are here (tanh), so that 36
/// roundings' digits, exp(-36), ask for the step below. Beyond the last point a normal density is less than a rounding.
struct NormalPoints {
  explicit NormalPoints(double deviation, double last) {
    const double pi = std::numbers::pi;
    const double step = std::min(1.0 / 16, pi * pi / (36 * std::max(deviation, 1e-300)));
    const auto half = static_cast<int>(std::ceil(last / step));
    for (int k = -half; k <= half; ++k) {
      const double x = k * step;
      at.push_back(x);
      weight.push_back(step * std::exp(-x * x / 2) / std::sqrt(2 * pi));
    }
  }

  std::vector<double> at;
  std::vector<double> weight;
};

constexpr double last_point = 8.5;
/// A normalised Hermite polynomial grows like exp(x^2 / 4).
constexpr double last_hermite_point = 12;

/// E psi(deviation x) he_k(x) for k = 0, 1, ... count - 1, with normalised Hermite polynomials he_k.
std::vector<double> hermite_coefficients(int activation, double deviation, std::size_t count) {
  std::vector<double> sums(count, 0.0);
  const NormalPoints points(deviation, last_hermite_point);
  for (std::size_t k = 0; k < points.at.size(); ++k) {
    const double x = points.at[k];
    double before = 0;
    double term = points.weight[k] * psi(activation, deviation * x);  // times he_0
    for (std::size_t degree = 0; degree < count; ++degree) {
      sums[degree] += term;
      const auto m = static_cast<double>(degree);
      const double next = (x * term - std::sqrt(m) * before) / std::sqrt(m + 1);
      before = term;
      term = next;
    }
  }
  return sums;
}

Covariance covariance_of(const SymmetricMatrix& matrix, int i, int j) {
  return {matrix.at(i, i), matrix.at(j, j), matrix.at(i, j)};
}

/// By Mehler's formula: the sum over k of the coefficients' products times the correlation^k, up to a power that is a
/// rounding. Pairs that are too correlated for it, and the diagonal, are integrated.
SymmetricMatrix kernel_by_series(int activation, const SymmetricMatrix& covariance) {
  constexpr double most = 0.9;  // correlation
  const int n = covariance.size();
  double largest = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      const double rho = std::abs(correlation(covariance_of(covariance, i, j)));
      largest = rho <= most ? std::max(largest, rho) : largest;
    }
  }
  constexpr double digits = 38;  // exp(-38) is a rounding
  const auto terms = static_cast<std::size_t>(largest > 0 ? 2 + std::ceil(digits / -std::log(largest)) : 1);
  std::vector<std::vector<double>> coefficients;
  coefficients.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    coefficients.push_back(hermite_coefficients(activation, std::sqrt(covariance.at(i, i)), terms));
  }
  SymmetricMatrix kernel(n);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j <= i; ++j) {
      const Covariance c = covariance_of(covariance, i, j);
      const double rho = correlation(c);
      if (std::abs(rho) > most) {
        kernel.set(i, j, integrate_product(activation, c));
        continue;
      }
      double sum = 0;
      double power = 1;
      for (std::size_t k = 0; k < terms; ++k, power *= rho) {
        sum += coefficients[static_cast<std::size_t>(i)][k] * coefficients[static_cast<std::size_t>(j)][k] * power;
      }
      kernel.set(i, j, sum);
    }
  }
  return kernel;
}

}  // namespace

double expected_product(int activation, const Covariance& c) {
  const std::optional<double> closed = closed_form(activation, c);
  return closed ? *closed : integrate_product(activation, c);
}

double integrate_product(int activation, const Covariance& c) {
  const double first = std::sqrt(c.first);
  const double second = std::sqrt(c.second);
  const double rho = correlation(c);
  const double rest = std::sqrt((1 - rho) * (1 + rho));
  const NormalPoints points(std::max(first, second), last_point);
  double sum = 0;
  for (std::size_t k = 0; k < points.at.size(); ++k) {
    double inner = 0;
    if (rest == 0) {
      inner = psi(activation, second * rho * points.at[k]);
    } else {
      for (std::size_t l = 0; l < points.at.size(); ++l) {
        inner += points.weight[l] * psi(activation, second * (rho * points.at[k] + rest * points.at[l]));
      }
    }
    sum += points.weight[k] * psi(activation, first * points.at[k]) * inner;
  }
  return sum;
}

SymmetricMatrix expected_kernel(int activation, const SymmetricMatrix& covariance) {
  if (!closed_form(activation, {1, 1, 0})) {
    return kernel_by_series(activation, covariance);
  }
  SymmetricMatrix kernel(covariance.size());
  for (int i = 0; i < covariance.size(); ++i) {
    for (int j = 0; j <= i; ++j) {
      kernel.set(i, j, expected_product(activation, covariance_of(covariance, i, j)));
    }
  }
  return kernel;
}

}  // namespace fasweep
