// All weights 0, as Nokland 2016 begins.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct ZeroLaw : LawDefaults {
  static constexpr std::string_view name = "zero";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view meaning = "0";
  static constexpr std::string_view accepted = "";
  std::array<double, 0> values{};
  [[nodiscard]] static bool valid() { return true; }
  static void fill(const WeightDraw& /*draw*/, int /*first*/, std::span<double> rows) { std::ranges::fill(rows, 0.0); }
};

}  // namespace fasweep
