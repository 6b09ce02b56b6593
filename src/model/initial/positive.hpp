// Independent weights of one sign.
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct PositiveLaw : LawDefaults {
  static constexpr std::string_view name = "positive";
  static constexpr std::array<std::string_view, 1> parameters{"deviation"};
  static constexpr std::string_view meaning = "|N(0,deviation^2)|";
  static constexpr std::string_view accepted = "deviation > 0";
  static constexpr bool has_zero_mean = false;
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, values[0], rows);
    for (double& weight : rows) {
      weight = std::abs(weight);
    }
  }
};

}  // namespace fasweep
