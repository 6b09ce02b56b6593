#include "model/layers.hpp"

#include <cassert>
#include <cmath>
#include <cstddef>
#include <vector>

#include "model/problem.hpp"
#include "model/richness.hpp"

namespace fasweep {
namespace {

/// scale N(0, 1) from row `first` of a matrix with `columns` columns on.
void fill(const RandomStream& stream, double scale, int first, int columns, std::span<double> rows) {
  assert(first % 2 == 0);
  stream.fill_normal(rows, static_cast<std::uint64_t>(first) * static_cast<std::uint64_t>(columns));
  for (double& value : rows) {
    value *= scale;
  }
}

}  // namespace

double inner_weight_size(const TrainingSettings& training, int width) {
  return training.output_scale == OutputScale::one ? 1 / std::sqrt(static_cast<double>(width)) : 1;
}

void fill_inner_weight(const Problem& problem, const TrainingSettings& training, int layer, int first,
                       std::span<double> rows) {
  const RandomStream stream{problem.seed, problem.width, Purpose::hidden_weight, layer - 1};
  fill(stream, inner_weight_size(training, problem.width), first, problem.width, rows);
}

void fill_inner_feedback(const Problem& problem, const TrainingSettings& training, int layer, int first,
                         std::span<double> rows) {
  const RandomStream stream{problem.seed, problem.width, Purpose::feedback, layer - 1};
  fill(stream, inner_weight_size(training, problem.width), first, problem.width, rows);
  if (training.feedback_correlation != 0) {
    std::vector<double> weight(rows.size());
    fill_inner_weight(problem, training, layer, first, weight);
    correlate(rows, weight, training.feedback_correlation);
  }
}

void fill_direct_feedback(const Problem& problem, const TrainingSettings& training, int layer, int first,
                          std::span<double> rows) {
  const RandomStream stream{problem.seed, problem.width, Purpose::feedback, layer};
  fill(stream, std::sqrt(square_scale(training, problem.width)), first, problem.outputs, rows);
}

RandomStream layer_masks(std::int64_t seed, int width, int layer) {
  return {seed, width, Purpose::masks, layer - 1};
}

}  // namespace fasweep
