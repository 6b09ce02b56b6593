// gain Q, Q with orthonormal columns, or rows if it has fewer of them, of the uniform law (Saxe, McClelland, Ganguli
// 2014; PyTorch's orthogonal_). Gaussian columns made orthonormal one after the other have that law (Mezzadri 2007).
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "model/initial/draw.hpp"

namespace fasweep {

struct OrthogonalLaw : LawDefaults {
  static constexpr std::string_view name = "orthogonal";
  static constexpr std::array<std::string_view, 1> parameters{"gain"};
  static constexpr std::string_view meaning = "gain times orthonormal columns, or rows where they are fewer";
  static constexpr std::string_view accepted = "gain > 0";
  static constexpr bool is_made_whole = true;
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  void fill(const WeightDraw& draw, int /*first*/, std::span<double> rows) const {
    const auto columns = static_cast<std::size_t>(draw.columns);
    const auto count = static_cast<std::size_t>(draw.rows);
    const bool is_tall = count >= columns;
    const std::size_t vectors = is_tall ? columns : count;
    std::vector<double> tall(count * columns);
    draw.stream.fill_normal(tall, draw.start);
    make_orthonormal(tall, vectors);
    make_orthonormal(tall, vectors);  // again: rounding in nearly dependent columns leaves them askew
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < columns; ++j) {
        rows[i * columns + j] = values[0] * (is_tall ? tall[i * columns + j] : tall[j * count + i]);
      }
    }
  }

 private:
  /// Gram and Schmidt, as modified: each column is taken out of those after it. matrix: row-major, `vectors` columns.
  /// Loops run along rows, so that sums of many columns grow together, each in order: the same bits on every machine.
  static void make_orthonormal(std::span<double> matrix, std::size_t vectors) {
    std::vector<double> products(vectors);
    for (std::size_t k = 0; k < vectors; ++k) {
      products.assign(vectors, 0.0);
      for (std::size_t at = 0; at < matrix.size(); at += vectors) {
        for (std::size_t j = k; j < vectors; ++j) {
          products[j] += matrix[at + k] * matrix[at + j];
        }
      }
      const double square = products[k];
      const double length = std::sqrt(square);
      for (double& product : products) {
        product /= square;
      }
      for (std::size_t at = 0; at < matrix.size(); at += vectors) {
        for (std::size_t j = k + 1; j < vectors; ++j) {
          matrix[at + j] -= products[j] * matrix[at + k];
        }
        matrix[at + k] /= length;
      }
    }
  }
};

}  // namespace fasweep
