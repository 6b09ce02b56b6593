// Over how many directions a kernel or the hidden layer spreads: tr(A)^2 / ||A||_F^2 (the participation ratio), between
// 1 and the number of training samples; NaN where A = 0.
#pragma once

#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

inline double effective_rank(const SymmetricMatrix& matrix) {
  return matrix.trace() * matrix.trace() / matrix.frobenius_square();
}

struct TangentKernelEffectiveRankMetric : OfTangentKernel {
  static constexpr std::string_view name = "tangent_kernel_effective_rank";
  static constexpr std::string_view long_name = "tr(K)^2 / ||K||_F^2 of the tangent kernel K";
  static double value(const Snapshot& snapshot) { return effective_rank(sum_of_kernels(snapshot, Kernel::backprop)); }
};

struct PreActivationEffectiveRankMetric : OfKernel {
  static constexpr std::string_view name = "pre_activation_effective_rank";
  static constexpr std::string_view long_name = "tr(A)^2 / ||A||_F^2 of A = Z Z^T over training samples";
  static double cost(const NetworkSizes& sizes) { return kernel_cost(sizes); }
  static double value(const Snapshot& snapshot) {
    SymmetricMatrix gram(snapshot.sizes().samples);
    snapshot.for_each_block(
        reads, [&](const HiddenBlock& block) { gram.add_gram(block.pre_activation, snapshot.sizes().rows(), 1); });
    return effective_rank(gram);
  }
};

}  // namespace fasweep
