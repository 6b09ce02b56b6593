// Hidden units that no training sample moves any more: psi'(z) = 0 for all of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct DeadUnitsMetric {
  static constexpr std::string_view name = "dead_units";
  static constexpr std::string_view long_name = "share of hidden units with psi'(z) = 0 for every training sample";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot;
  static constexpr HiddenParts reads = HiddenParts::units;
  static double cost(const NetworkSizes& sizes) { return 2.0 * sizes.width * sizes.samples; }
  static double value(const Snapshot& snapshot) {
    const auto samples = static_cast<std::size_t>(snapshot.sizes().samples);
    const auto rows = static_cast<std::size_t>(snapshot.sizes().rows());
    int dead = 0;
    snapshot.for_each_block(reads, [&](const HiddenBlock& block) {
      for (std::size_t first = 0; first < block.derivative.size(); first += rows) {
        const auto slopes = block.derivative.subspan(first, samples);
        dead += std::ranges::all_of(slopes, [](double slope) { return slope == 0; }) ? 1 : 0;
      }
    });
    return static_cast<double>(dead) / snapshot.sizes().width;
  }
};

}  // namespace fasweep
