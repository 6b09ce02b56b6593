// Independent Gaussian weights: of variance 1, as in Theorem 3.2 of Song, Xu, Lafferty 2021; 1/fan-in (LeCun et al.
// 1998); or any.
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct GaussianLaw : LawDefaults {
  static constexpr std::string_view name = "gaussian";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view meaning = "N(0,1)";
  static constexpr std::string_view accepted = "";
  std::array<double, 0> values{};
  [[nodiscard]] static bool valid() { return true; }
  [[nodiscard]] static std::optional<double> gaussian_variance(Fans /*fans*/) { return 1; }
  static void fill(const WeightDraw& draw, int first, std::span<double> rows) { draw_normals(draw, first, rows); }
};

struct GaussianScaledLaw : LawDefaults {
  static constexpr std::string_view name = "gaussian-scaled";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view meaning = "N(0,1/fan-in)";
  static constexpr std::string_view accepted = "";
  std::array<double, 0> values{};
  [[nodiscard]] static bool valid() { return true; }
  [[nodiscard]] static std::optional<double> gaussian_variance(Fans fans) { return 1.0 / fans.in; }
  static void fill(const WeightDraw& draw, int first, std::span<double> rows) {
    draw_normals(draw, first, rows);
    for (double& weight : rows) {
      weight /= std::sqrt(static_cast<double>(draw.fans.in));  // not times an inverse, which has other bits
    }
  }
};

struct NormalLaw : LawDefaults {
  static constexpr std::string_view name = "normal";
  static constexpr std::array<std::string_view, 1> parameters{"deviation"};
  static constexpr std::string_view meaning = "N(0,deviation^2)";
  static constexpr std::string_view accepted = "deviation > 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] std::optional<double> gaussian_variance(Fans /*fans*/) const { return values[0] * values[0]; }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, values[0], rows);
  }
};

}  // namespace fasweep
