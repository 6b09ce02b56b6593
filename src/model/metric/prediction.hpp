// How far training is from what theory predicts of its errors: a linear recursion by a kernel that stays (lazy
// training), by that of an infinitely wide network, or by the kernels of the step itself (first order in eta).
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/first_order.hpp"
#include "model/linear_algebra.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/metric/traits.hpp"
#include "model/observation.hpp"
#include "model/run_memory.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct OfErrors {
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot | of_theory | follows_errors;
  static constexpr HiddenParts reads = HiddenParts::units;
  static double cost(const NetworkSizes& sizes) { return 2.0 * sizes.rows() * sizes.width; }

 protected:
  /// ||e(t) - predicted|| / ||e(0)||; NaN where nothing is predicted.
  static double distance(const Snapshot& snapshot, std::span<const double> predicted) {
    if (predicted.empty()) {
      return not_a_number;
    }
    std::vector<double> difference(predicted.begin(), predicted.end());
    for (std::size_t i = 0; i < difference.size(); ++i) {
      difference[i] -= snapshot.errors()[i];
    }
    return norm(difference) / norm(snapshot.initial().errors());
  }
};

struct LazyDeviationMetric : OfErrors {
  static constexpr std::string_view name = "lazy_deviation";
  static constexpr std::string_view long_name =
      "||e(t) - e'(t)|| / ||e(0)||, e' by the kernel of step 0: G(0), with H(0) where beta is sent back";
  static double value(const Snapshot& snapshot) { return distance(snapshot, snapshot.memory().lazy_error()); }
};

struct InfiniteWidthDeviationMetric : OfErrors {
  static constexpr std::string_view name = "infinite_width_deviation";
  static constexpr std::string_view long_name =
      "||e(t) - e'(t)|| / ||e(0)||, e' by the kernel Gbar of an infinitely wide network under feedback alignment";
  static constexpr unsigned traits = OfErrors::traits | of_gaussian_rows;
  static double value(const Snapshot& snapshot) { return distance(snapshot, snapshot.memory().infinite_error()); }
};

/// The statements (3.1), (4.2) and (4.3) of the paper hold with gamma / 4 or gamma / 2 up to this.
struct SlowestContractionMetric : OfErrors {
  static constexpr std::string_view name = "slowest_contraction";
  static constexpr std::string_view long_name =
      "largest g with ||e(s+1)|| <= (1 - eta g - eta lambda) ||e(s)|| + eta lambda ||y|| at every step s < t from a "
      "loss above a rounding of the first";
  static constexpr HiddenParts reads = HiddenParts::none;
  static double cost(const NetworkSizes& /*sizes*/) { return 0; }
  static double value(const Snapshot& snapshot) { return snapshot.memory().slowest_contraction(); }
};

struct FirstOrderErrorMetric : OfTangentKernel {
  static constexpr std::string_view name = "first_order_error";
  static constexpr std::string_view long_name =
      "||e(t+1) - e'|| / ||e(t+1) - e(t)||, e' = [(1 - eta lambda) I - eta (G + H)] e(t) - eta lambda y";
  static constexpr unsigned traits = sees_snapshot | of_theory;
  static double cost(const NetworkSizes& sizes) { return tangent_cost(sizes) + 2 * kernel_cost(sizes); }
  static double value(const Snapshot& snapshot) { return first_order_error(snapshot); }
};

}  // namespace fasweep
