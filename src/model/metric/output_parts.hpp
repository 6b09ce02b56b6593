// What beta is made of in a linear network under feedback alignment: a part of beta(0), one of W(0) X^T, and one of b
// (Song, Xu, Lafferty 2021, Section 6). Ridge takes the first; the last is what aligns. Of the reduced-linear solver,
// whose coordinates they are; NaN of the others.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct OutputPartsMetric {
  static constexpr std::string_view name = "output_parts";
  static constexpr std::string_view long_name =
      "norms of the parts of beta in beta(0), W(0) X^T and b, of the reduced-linear solver";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot | of_theory;
  static constexpr HiddenParts reads = HiddenParts::none;
  static constexpr std::string_view dimension = "output_part";
  static int size(const NetworkSizes& /*sizes*/) { return 3; }
  static double cost(const NetworkSizes& sizes) { return 2.0 * sizes.samples * sizes.samples; }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    std::ranges::copy(snapshot.output_parts(), out.begin());
  }
};

}  // namespace fasweep
