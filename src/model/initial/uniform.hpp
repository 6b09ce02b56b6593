// Independent weights, uniform about 0.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct UniformLaw : LawDefaults {
  static constexpr std::string_view name = "uniform";
  static constexpr std::array<std::string_view, 1> parameters{"most"};
  static constexpr std::string_view meaning = "U(-most,most)";
  static constexpr std::string_view accepted = "most > 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_uniforms(draw, first, values[0], rows);
  }
};

}  // namespace fasweep
