// Points in a box, for grids too large to fill: pure functions of count and position, so that a larger count keeps the
// points of a smaller one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fasweep {

inline constexpr std::int64_t max_sampled_points = 100'000'000;

/// Points 1, 2, ... count of the Sobol sequence (Sobol 1967, direction numbers of Joe and Kuo 2008 as in Boost.Random),
/// in (0, 1) for each of `axes`: axes x count.
[[nodiscard]] std::vector<std::vector<double>> sobol_points(std::int64_t count, int axes);

/// Independent uniform numbers in (0, 1), axes x count (model/random.hpp, seed 0).
[[nodiscard]] std::vector<std::vector<double>> random_points(std::int64_t count, int axes);

}  // namespace fasweep
