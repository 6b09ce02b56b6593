// Variance gain^2 2 / (fan-in + fan-out) (Glorot, Bengio 2010; PyTorch's xavier_normal_ and xavier_uniform_). Akrout et
// al. 2019 draw everything with gain sqrt(1/2).
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct GlorotLaw : LawDefaults {
  static constexpr std::array<std::string_view, 1> parameters{"gain"};
  static constexpr std::string_view accepted = "gain > 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }

 protected:
  [[nodiscard]] double variance(Fans fans) const {
    return values[0] * values[0] * 2 / (static_cast<double>(fans.in) + fans.out);
  }
};

struct GlorotNormalLaw : GlorotLaw {
  static constexpr std::string_view name = "glorot-normal";
  static constexpr std::string_view meaning = "N(0,gain^2 2/(fan-in + fan-out))";
  [[nodiscard]] std::optional<double> gaussian_variance(Fans fans) const { return variance(fans); }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, std::sqrt(variance(draw.fans)), rows);
  }
};

struct GlorotUniformLaw : GlorotLaw {
  static constexpr std::string_view name = "glorot-uniform";
  static constexpr std::string_view meaning = "uniform, of that variance";
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_uniforms(draw, first, std::sqrt(3 * variance(draw.fans)), rows);
  }
};

}  // namespace fasweep
