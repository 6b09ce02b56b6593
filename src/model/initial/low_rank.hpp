// A matrix of rank r at most, deviation / sqrt(r) U V^T with U and V of N(0, 1): weights of variance deviation^2, not
// independent. Where r is no less than the matrix's shorter side, that is taken in its place.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/initial/draw.hpp"

namespace fasweep {

struct LowRankLaw : LawDefaults {
  static constexpr std::string_view name = "low-rank";
  static constexpr std::array<std::string_view, 2> parameters{"r", "deviation"};
  static constexpr std::string_view meaning = "of rank r, variance deviation^2";
  static constexpr std::string_view accepted = "a whole number r >= 1, deviation > 0";
  static constexpr bool is_made_whole = true;
  std::array<double, 2> values{};
  [[nodiscard]] bool valid() const { return values[0] >= 1 && values[0] == std::round(values[0]) && values[1] > 0; }
  void fill(const WeightDraw& draw, int /*first*/, std::span<double> rows) const {
    const auto columns = static_cast<std::size_t>(draw.columns);
    const auto count = static_cast<std::size_t>(draw.rows);
    const auto rank = static_cast<std::size_t>(std::min(values[0], static_cast<double>(std::min(count, columns))));
    std::vector<double> left(count * rank);     // U
    std::vector<double> right(rank * columns);  // V^T
    draw.stream.fill_normal(left, draw.start);
    draw.stream.fill_normal(right, second_numbers + draw.start);
    const double scale = values[1] / std::sqrt(static_cast<double>(rank));
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<double> row = rows.subspan(i * columns, columns);
      std::ranges::fill(row, 0.0);
      for (std::size_t l = 0; l < rank; ++l) {
        const double factor = scale * left[i * rank + l];
        for (std::size_t j = 0; j < columns; ++j) {
          row[j] += factor * right[l * columns + j];
        }
      }
    }
  }
};

}  // namespace fasweep
