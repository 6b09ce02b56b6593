// Variance gain^2 2 / fan-in (He, Zhang, Ren, Sun 2015; PyTorch's kaiming_normal_ and kaiming_uniform_ for ReLU).
// PyTorch's own linear layers are he-uniform(sqrt(1/6)), which is U(-1/sqrt(fan-in), 1/sqrt(fan-in)).
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct HeLaw : LawDefaults {
  static constexpr std::array<std::string_view, 1> parameters{"gain"};
  static constexpr std::string_view accepted = "gain > 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }

 protected:
  [[nodiscard]] double variance(Fans fans) const { return values[0] * values[0] * 2 / fans.in; }
};

struct HeNormalLaw : HeLaw {
  static constexpr std::string_view name = "he-normal";
  static constexpr std::string_view meaning = "N(0,gain^2 2/fan-in)";
  [[nodiscard]] std::optional<double> gaussian_variance(Fans fans) const { return variance(fans); }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, std::sqrt(variance(draw.fans)), rows);
  }
};

struct HeUniformLaw : HeLaw {
  static constexpr std::string_view name = "he-uniform";
  static constexpr std::string_view meaning = "uniform, of that variance";
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_uniforms(draw, first, std::sqrt(3 * variance(draw.fans)), rows);
  }
};

}  // namespace fasweep
