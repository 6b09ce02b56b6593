// How well a kernel is aligned with the targets: y^T K y / (||K||_F y^T y), between -1 and 1; 1 where K is a multiple
// of y y^T (Cristianini et al. 2001; Bordelon and Pehlevan 2022 for feedback alignment). NaN where all targets are 0.
#pragma once

#include <cmath>
#include <numeric>
#include <span>
#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

inline double target_alignment(const Snapshot& snapshot, Kernel hidden) {
  const SymmetricMatrix kernel = sum_of_kernels(snapshot, hidden);
  const std::span<const double> y = snapshot.targets();
  const double square = std::inner_product(y.begin(), y.end(), y.begin(), 0.0);
  return kernel.form(y) / (std::sqrt(kernel.frobenius_square()) * square);
}

struct FeedbackKernelTargetAlignmentMetric : OfTangentKernel {
  static constexpr std::string_view name = "feedback_kernel_target_alignment";
  static constexpr std::string_view long_name = "y^T K y / (||K||_F y^T y) of K = G + H with feedback weights b";
  static double value(const Snapshot& snapshot) { return target_alignment(snapshot, Kernel::feedback); }
};

struct TangentKernelTargetAlignmentMetric : OfTangentKernel {
  static constexpr std::string_view name = "tangent_kernel_target_alignment";
  static constexpr std::string_view long_name = "y^T K y / (||K||_F y^T y) of the tangent kernel K";
  static double value(const Snapshot& snapshot) { return target_alignment(snapshot, Kernel::backprop); }
};

}  // namespace fasweep
