// What the metrics of every hidden layer have in common: one number a layer, from the first to the last, that the
// layered solver gives (model/layer_numbers.hpp).
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "model/layer_numbers.hpp"
#include "model/metric/traits.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

/// number: the member of LayerNumbers.
template <double LayerNumbers::*number>
struct OfLayers {
  static constexpr std::string_view units = "1";
  static constexpr std::string_view dimension = "layer";
  static constexpr unsigned traits = sees_snapshot | sees_layers;
  static constexpr HiddenParts reads = HiddenParts::none;
  static int size(const NetworkSizes& sizes) { return sizes.depth; }
  /// Both ways back, both gradients, the products of values and the weights' own sums. All numbers of a step are made
  /// together, so that several such metrics cost less than their sum.
  static double cost(const NetworkSizes& sizes) {
    const double n = sizes.batch;
    const double p = sizes.width;
    return 4 * n * p * sizes.inputs +
           sizes.depth * (n * p * (8 * p + 2 * std::min(n, p)) + p * p * (8 + sizes.outputs));
  }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    const std::span<const LayerNumbers> layers = snapshot.layers();
    for (std::size_t layer = 0; layer < out.size(); ++layer) {
      out[layer] = layers[layer].*number;
    }
  }
};

}  // namespace fasweep
