// How large the kernel of feedback alignment is, and how far kernels have moved since step 0. The paper's proofs need
// ||H|| and ||G(t) - G(0)|| to stay small in wide networks (Song, Xu, Lafferty 2021, Section 3). In float32 the change
// at step 0 is the rounding of the initial weights, some 1e-7 of the kernel.
#pragma once

#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

inline double change_of_kernel(const Snapshot& snapshot, Kernel which) {
  SymmetricMatrix change = snapshot.kernel(which);
  change -= snapshot.initial().kernel(which);
  return change.spectral_norm();
}

/// Of W(0) X^T, with its normal numbers.
inline double initial_cost(const NetworkSizes& sizes) {
  return (60.0 + 2.0 * sizes.rows()) * sizes.inputs * sizes.width;
}

struct FeedbackKernelNormMetric : OfTangentKernel {
  static constexpr std::string_view name = "feedback_kernel_norm";
  static constexpr std::string_view long_name =
      "spectral norm of H, the hidden weights' part of feedback alignment's kernel";
  static double cost(const NetworkSizes& sizes) { return tangent_cost(sizes) + eigenvalue_cost(sizes); }
  static double value(const Snapshot& snapshot) { return snapshot.kernel(Kernel::feedback).spectral_norm(); }
};

struct KernelChangeMetric : OfKernel {
  static constexpr std::string_view name = "kernel_change";
  static constexpr std::string_view long_name = "spectral norm of G(t) - G(0)";
  static double cost(const NetworkSizes& sizes) {
    return 2 * kernel_cost(sizes) + initial_cost(sizes) + eigenvalue_cost(sizes);
  }
  static double value(const Snapshot& snapshot) { return change_of_kernel(snapshot, Kernel::outputs); }
};

struct FeedbackKernelChangeMetric : OfTangentKernel {
  static constexpr std::string_view name = "feedback_kernel_change";
  static constexpr std::string_view long_name = "spectral norm of H(t) - H(0), of feedback alignment";
  static double cost(const NetworkSizes& sizes) {
    return 2 * tangent_cost(sizes) + initial_cost(sizes) + eigenvalue_cost(sizes);
  }
  static double value(const Snapshot& snapshot) { return change_of_kernel(snapshot, Kernel::feedback); }
};

}  // namespace fasweep
