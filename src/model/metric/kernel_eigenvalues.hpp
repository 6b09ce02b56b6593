// The spectrum of the kernel G = output_scale^2 H H^T over the training samples, which is 1/p sum_r psi(z_ir) psi(z_jr)
// under the paper's scale 1/sqrt(p) (Song, Xu, Lafferty 2021, Section 3.1). With one output, e(t+1) = [(1 - eta lambda)
// I
// - eta (G + H_fa)] e(t) - eta lambda y to first order in eta, so that its smallest eigenvalue bounds the rate of
// training.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct KernelEigenvaluesMetric {
  static constexpr std::string_view name = "kernel_eigenvalues";
  static constexpr std::string_view long_name =
      "eigenvalues of the kernel G, 1/p H H^T or H H^T by the scale of the outputs, over training samples, ascending";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot;
  static constexpr std::string_view dimension = "eigenvalue";
  static constexpr HiddenParts reads = HiddenParts::units;
  static int size(const NetworkSizes& sizes) { return sizes.samples; }
  /// Half of H H^T, and what its eigenvalues took at n = 20 to 400, within a fifth (model/solver.cpp).
  static double cost(const NetworkSizes& sizes) {
    const double n = sizes.samples;
    return n * n * sizes.width + n * n * (600 + 1.4 * n);
  }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    SymmetricMatrix kernel(snapshot.sizes().samples);
    const double scale = snapshot.output_scale() * snapshot.output_scale();
    snapshot.for_each_block(
        reads, [&](const HiddenBlock& block) { kernel.add_gram(block.value, snapshot.sizes().rows(), scale); });
    std::ranges::copy(kernel.eigenvalues(), out.begin());
  }
};

}  // namespace fasweep
