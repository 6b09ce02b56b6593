// Gbar, the kernel G of an infinitely wide network at step 0: E psi(u_i) psi(u_j) over Gaussian u with the covariance
// C = E z z^T of the pre-activations (Song, Xu, Lafferty 2021, Assumption 3.1). In closed form where psi has one, else
// by quadrature.
#pragma once

#include "model/linear_algebra.hpp"

namespace fasweep {

/// The covariance of two Gaussian numbers of mean 0.
struct Covariance {
  double first;   // variance of u
  double second;  // variance of v
  double mixed;   // E u v
};

/// E psi(u) psi(v). activation: position in `Activations`.
[[nodiscard]] double expected_product(int activation, const Covariance& covariance);

/// The same by the trapezoidal rule in two dimensions, which converges exponentially for a psi that is analytic; for
/// any psi.
[[nodiscard]] double integrate_product(int activation, const Covariance& covariance);

/// E psi(u_i) psi(u_j) of every pair.
[[nodiscard]] SymmetricMatrix expected_kernel(int activation, const SymmetricMatrix& covariance);

}  // namespace fasweep
