// Laws of variance gain^2 2 / fan, normal and uniform.
//   Glorot, Bengio 2010 (PyTorch's xavier_normal_ and xavier_uniform_): fan-in + fan-out. Akrout et al. 2019 draw
//   everything so, with gain sqrt(1/2).
//   He, Zhang, Ren, Sun 2015 (PyTorch's kaiming_normal_ and kaiming_uniform_ for ReLU): fan-in. PyTorch's own linear
//   layers are he-uniform(sqrt(1/6)), which is U(-1/sqrt(fan-in), 1/sqrt(fan-in)).
#pragma once

#include <array>
#include <cmath>
#include <span>
#include <string_view>

#include "model/initial/draw.hpp"

namespace fasweep {

struct GlorotFan {
  static constexpr std::string_view normal_name = "glorot-normal";
  static constexpr std::string_view uniform_name = "glorot-uniform";
  static constexpr std::string_view normal_meaning = "N(0,gain^2 2/(fan-in + fan-out))";
  static double of(Fans fans) { return static_cast<double>(fans.in) + fans.out; }
};

struct HeFan {
  static constexpr std::string_view normal_name = "he-normal";
  static constexpr std::string_view uniform_name = "he-uniform";
  static constexpr std::string_view normal_meaning = "N(0,gain^2 2/fan-in)";
  static double of(Fans fans) { return fans.in; }
};

template <class Fan>
struct VarianceScalingLaw : LawDefaults {
  static constexpr std::array<std::string_view, 1> parameters{"gain"};
  static constexpr std::string_view accepted = "gain > 0";
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }

 protected:
  [[nodiscard]] double variance(Fans fans) const { return values[0] * values[0] * 2 / Fan::of(fans); }
};

template <class Fan>
struct ScaledNormalLaw : VarianceScalingLaw<Fan> {
  static constexpr std::string_view name = Fan::normal_name;
  static constexpr std::string_view meaning = Fan::normal_meaning;
  [[nodiscard]] std::optional<double> gaussian_variance(Fans fans) const { return this->variance(fans); }
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_normals(draw, first, std::sqrt(this->variance(draw.fans)), rows);
  }
};

template <class Fan>
struct ScaledUniformLaw : VarianceScalingLaw<Fan> {
  static constexpr std::string_view name = Fan::uniform_name;
  static constexpr std::string_view meaning = "uniform, of that variance";
  void fill(const WeightDraw& draw, int first, std::span<double> rows) const {
    draw_uniforms(draw, first, std::sqrt(3 * this->variance(draw.fans)), rows);
  }
};

using GlorotNormalLaw = ScaledNormalLaw<GlorotFan>;
using GlorotUniformLaw = ScaledUniformLaw<GlorotFan>;
using HeNormalLaw = ScaledNormalLaw<HeFan>;
using HeUniformLaw = ScaledUniformLaw<HeFan>;

}  // namespace fasweep
