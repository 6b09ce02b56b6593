// Independent weights, most of them 0: N(0, deviation^2), but 0 with probability q.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/initial/draw.hpp"

namespace fasweep {

struct SparseLaw : LawDefaults {
  static constexpr std::string_view name = "sparse";
  static constexpr std::array<std::string_view, 2> parameters{"q", "deviation"};
  static constexpr std::string_view meaning = "0 with probability q, else N(0,deviation^2)";
  static constexpr std::string_view accepted = "0 <= q < 1, deviation > 0";
  std::array<double, 2> values{};
  [[nodiscard]] bool valid() const { return values[0] >= 0 && values[0] < 1 && values[1] > 0; }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, values[1], rows);
    std::vector<double> uniform(rows.size());
    draw.stream.fill_uniform(uniform, second_numbers + position_of(draw, first));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = uniform[i] < values[0] ? 0 : rows[i];
    }
  }
};

}  // namespace fasweep
