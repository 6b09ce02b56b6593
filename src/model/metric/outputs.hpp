// What the network says of each training sample. Differences between networks, of two widths or rules on the same data,
// are taken from it afterwards.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

struct OutputsMetric {
  static constexpr std::string_view name = "outputs";
  static constexpr std::string_view long_name =
      "outputs f of the training samples, before softmax or sigmoid; number i k + c is output c of k of sample i";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot;
  static constexpr HiddenParts reads = HiddenParts::units;
  static constexpr std::string_view dimension = "sample_output";
  static int size(const NetworkSizes& sizes) { return sizes.samples * sizes.outputs; }
  static double cost(const NetworkSizes& sizes) { return 2.0 * sizes.rows() * sizes.width * sizes.outputs; }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    std::copy_n(snapshot.outputs().begin(), out.size(), out.begin());
  }
};

}  // namespace fasweep
