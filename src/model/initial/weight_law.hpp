// The law of initial weights as settings hold it, and how a matrix of them is drawn. Laws by which rows are independent
// are drawn some rows at a time; the others give the whole matrix at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/choice.hpp"
#include "model/random.hpp"

namespace fasweep {

struct WeightLawKind {};
using WeightLaw = Choice<WeightLawKind>;  // by default N(0, 1)

/// All weights 0.
[[nodiscard]] WeightLaw zero_weights();

/// Numbers that a layer takes in and gives out, by which some laws scale its weights.
struct Fans {
  int in = 1;
  int out = 1;
};

/// A matrix of weights to draw, row-major.
struct WeightDraw {
  RandomStream stream;
  int rows = 0;
  int columns = 0;
  Fans fans;
  std::uint64_t start = 0;  // position in the stream of the first number; even
};

/// Fills `rows` with rows first, first + 1, ... of a matrix; first is even.
using FillRows = std::function<void(int first, std::span<double> rows)>;

/// Rows of one matrix; a law that needs the whole keeps it. Rows beyond the last are 0 then, else further draws.
[[nodiscard]] FillRows row_source(const WeightLaw& law, const WeightDraw& draw);

/// All rows.
[[nodiscard]] std::vector<double> draw_weights(const WeightLaw& law, const WeightDraw& draw);

/// As row_source() fills them, of a law that is not made whole.
void fill_weight_rows(const WeightLaw& law, const WeightDraw& draw, int first, std::span<double> rows);

/// Whether rows depend on one another.
[[nodiscard]] bool is_made_whole(const WeightLaw& law);

/// The variance of independent Gaussian weights; nothing for any others.
[[nodiscard]] std::optional<double> gaussian_variance(const WeightLaw& law, Fans fans);

/// Whether E w = 0.
[[nodiscard]] bool has_zero_mean(const WeightLaw& law);

}  // namespace fasweep
