// An order drawn by chance: of samples in an epoch, and of a data set's rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "model/random.hpp"

namespace fasweep {

/// Fills `order` with 0, 1, ... in an order drawn by Fisher and Yates from the stream's numbers from `first`, an even
/// position, on. A number picks one of i + 1 places with a bias below 2^-53 (i + 1).
template <class Index>
void shuffle(const RandomStream& stream, std::uint64_t first, std::span<Index> order) {
  std::vector<double> uniform(order.size());
  stream.fill_uniform(uniform, first);
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i-- > 1;) {
    const auto picked = static_cast<std::size_t>(uniform[i] * static_cast<double>(i + 1));
    std::swap(order[i], order[std::min(picked, i)]);  // u may round to 1
  }
}

}  // namespace fasweep
