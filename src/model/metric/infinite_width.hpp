// What theory says of a network before it is trained: Gbar, the kernel of an infinitely wide one (Assumption 3.1 of
// Song, Xu, Lafferty 2021), whose smallest eigenvalue is the gamma of their theorems, and X X^T, which is Gbar of
// linear networks (Theorem 4.3, Definition 4.4). The same number at every step; computed once a run.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/run_memory.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct OfInfiniteWidth {
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot | of_theory;
  static constexpr HiddenParts reads = HiddenParts::none;
  static double cost(const NetworkSizes& /*sizes*/) { return 0; }  // but for the first step
};

/// Of Gbar, which is known where W(0) is Gaussian.
struct OfExpectedKernel : OfInfiniteWidth {
  static constexpr unsigned traits = OfInfiniteWidth::traits | of_gaussian_rows;
};

struct ExpectedKernelMinMetric : OfExpectedKernel {
  static constexpr std::string_view name = "expected_kernel_min_eigenvalue";
  static constexpr std::string_view long_name =
      "gamma, the smallest eigenvalue of Gbar = E G(0) over training samples (Assumption 3.1 of the paper)";
  static double value(const Snapshot& snapshot) { return snapshot.memory().expected_eigenvalues().front(); }
};

struct ExpectedKernelMaxMetric : OfExpectedKernel {
  static constexpr std::string_view name = "expected_kernel_max_eigenvalue";
  static constexpr std::string_view long_name = "largest eigenvalue of Gbar = E G(0) over training samples";
  static double value(const Snapshot& snapshot) { return snapshot.memory().expected_eigenvalues().back(); }
};

/// With more samples than inputs, of the d eigenvalues that are not 0 by the rank.
struct InputGramMinMetric : OfInfiniteWidth {
  static constexpr std::string_view name = "input_min_eigenvalue";
  static constexpr std::string_view long_name =
      "smallest of the min(n, d) largest eigenvalues of X X^T over training samples";
  static double value(const Snapshot& snapshot) {
    const NetworkSizes& sizes = snapshot.sizes();
    return snapshot.memory().input_eigenvalues()[static_cast<std::size_t>(std::max(sizes.samples - sizes.inputs, 0))];
  }
};

struct InputGramMaxMetric : OfInfiniteWidth {
  static constexpr std::string_view name = "input_max_eigenvalue";
  static constexpr std::string_view long_name = "largest eigenvalue of X X^T over training samples";
  static double value(const Snapshot& snapshot) { return snapshot.memory().input_eigenvalues().back(); }
};

struct TargetNormMetric : OfInfiniteWidth {
  static constexpr std::string_view name = "target_norm";
  static constexpr std::string_view long_name = "norm of the training samples' targets ||y||";
  static double value(const Snapshot& snapshot) { return norm(snapshot.targets()); }
};

struct ExpectedKernelDistanceMetric : OfKernel {
  static constexpr std::string_view name = "expected_kernel_distance";
  static constexpr std::string_view long_name = "spectral norm of G(t) - Gbar";
  static constexpr unsigned traits = sees_snapshot | of_theory | of_gaussian_rows;
  static double cost(const NetworkSizes& sizes) { return kernel_cost(sizes) + eigenvalue_cost(sizes); }
  static double value(const Snapshot& snapshot) {
    SymmetricMatrix distance = snapshot.kernel(Kernel::outputs);
    distance -= snapshot.memory().expected_kernel();
    return distance.spectral_norm();
  }
};

}  // namespace fasweep
