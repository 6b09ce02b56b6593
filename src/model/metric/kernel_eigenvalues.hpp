// The spectra of the kernels that training follows (Kernel in model/snapshot.hpp). Their smallest eigenvalues bound the
// rate of training, their largest the step size: gradient descent is stable below 2 / sharpness.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "model/linear_algebra.hpp"
#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

/// Work of one kernel of a snapshot, and of what its eigenvalues took at n = 20 to 400, within a fifth
/// (model/solver.cpp). A kernel that several metrics read is made once, so that together they cost less.
inline double kernel_cost(const NetworkSizes& sizes) {
  const double n = sizes.samples;
  return n * n * sizes.width;
}
inline double eigenvalue_cost(const NetworkSizes& sizes) {
  const double n = sizes.samples;
  return n * n * (600 + 1.4 * n);
}
/// The same of G + H: H takes a full product, and X X^T.
inline double tangent_cost(const NetworkSizes& sizes) {
  const double n = sizes.samples;
  return 3 * kernel_cost(sizes) + n * n * sizes.inputs;
}

inline SymmetricMatrix sum_of_kernels(const Snapshot& snapshot, Kernel hidden) {
  SymmetricMatrix sum = snapshot.kernel(Kernel::outputs);
  sum += snapshot.kernel(hidden);
  return sum;
}

/// What metrics of kernels have in common; those of H are for networks with one output.
struct OfKernel {
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot;
  static constexpr HiddenParts reads = HiddenParts::units;
};
struct OfTangentKernel : OfKernel {
  static constexpr unsigned traits = sees_snapshot | for_one_output;
  static double cost(const NetworkSizes& sizes) { return tangent_cost(sizes); }
};

struct KernelEigenvaluesMetric : OfKernel {
  static constexpr std::string_view name = "kernel_eigenvalues";
  static constexpr std::string_view long_name =
      "eigenvalues of the kernel G, 1/p H H^T or H H^T by the scale of the outputs, over training samples, ascending";
  static constexpr std::string_view dimension = "eigenvalue";
  static int size(const NetworkSizes& sizes) { return sizes.samples; }
  static double cost(const NetworkSizes& sizes) { return kernel_cost(sizes) + eigenvalue_cost(sizes); }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    std::ranges::copy(snapshot.kernel(Kernel::outputs).eigenvalues(), out.begin());
  }
};

/// Of G + H.
template <Kernel hidden>
struct TangentSpectrum : OfTangentKernel {
  static constexpr std::string_view dimension = "eigenvalue";
  static int size(const NetworkSizes& sizes) { return sizes.samples; }
  static double cost(const NetworkSizes& sizes) { return tangent_cost(sizes) + eigenvalue_cost(sizes); }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    std::ranges::copy(sum_of_kernels(snapshot, hidden).eigenvalues(), out.begin());
  }
};

struct FeedbackKernelEigenvaluesMetric : TangentSpectrum<Kernel::feedback> {
  static constexpr std::string_view name = "feedback_kernel_eigenvalues";
  static constexpr std::string_view long_name =
      "eigenvalues of G + H with feedback weights b (Song, Xu, Lafferty 2021, Section 3) over training samples, "
      "ascending";
};

struct TangentKernelEigenvaluesMetric : TangentSpectrum<Kernel::backprop> {
  static constexpr std::string_view name = "tangent_kernel_eigenvalues";
  static constexpr std::string_view long_name =
      "eigenvalues of the tangent kernel, G + H with beta in the place of b, over training samples, ascending";
};

struct SharpnessMetric : OfTangentKernel {
  static constexpr std::string_view name = "sharpness";
  static constexpr std::string_view long_name =
      "largest eigenvalue of the tangent kernel, to be compared with 2 / step size";
  static double cost(const NetworkSizes& sizes) { return tangent_cost(sizes) + eigenvalue_cost(sizes); }
  static double value(const Snapshot& snapshot) {
    return sum_of_kernels(snapshot, Kernel::backprop).eigenvalues().back();
  }
};

}  // namespace fasweep
