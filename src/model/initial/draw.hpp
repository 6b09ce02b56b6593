// What laws of initial weights draw from: standard normal and uniform numbers in the places of a matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "model/initial/weight_law.hpp"

namespace fasweep {

/// What most laws have in common (list.hpp).
struct LawDefaults {
  static constexpr bool is_made_whole = false;
  static constexpr bool has_zero_mean = true;
  [[nodiscard]] static std::optional<double> gaussian_variance(Fans /*fans*/) { return std::nullopt; }
};

/// Where a law that needs two numbers for a weight finds the second: far beyond what any matrix, or any step's, takes.
inline constexpr std::uint64_t second_numbers = std::uint64_t{1} << 62U;

[[nodiscard]] inline std::uint64_t position_of(const WeightDraw& draw, int first) {
  return draw.start + static_cast<std::uint64_t>(first) * static_cast<std::uint64_t>(draw.columns);
}

/// N(0, 1).
inline void draw_normals(const WeightDraw& draw, int first, std::span<double> rows) {
  draw.stream.fill_normal(rows, position_of(draw, first));
}

/// N(0, deviation^2).
inline void draw_normals(const WeightDraw& draw, int first, double deviation, std::span<double> rows) {
  draw_normals(draw, first, rows);
  for (double& weight : rows) {
    weight *= deviation;
  }
}

/// U(-most, most).
inline void draw_uniforms(const WeightDraw& draw, int first, double most, std::span<double> rows) {
  draw.stream.fill_uniform(rows, position_of(draw, first));
  for (double& weight : rows) {
    weight = most * (2 * weight - 1);
  }
}

}  // namespace fasweep
