#include "model/layers.hpp"

#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "model/initial/list.hpp"
#include "model/problem.hpp"
#include "model/richness.hpp"

namespace fasweep {
namespace {

WeightDraw square_draw(const Problem& problem, Purpose purpose, int layer) {
  return {
      {problem.seed, problem.width, purpose, layer - 1}, problem.width, problem.width, {problem.width, problem.width}};
}

}  // namespace

double inner_weight_size(const TrainingSettings& training, int width) {
  return training.output_scale == OutputScale::one ? 1 / std::sqrt(static_cast<double>(width)) : 1;
}

WeightLaw inner_law(const WeightLaw& law, const TrainingSettings& training, int width) {
  const bool is_default = law == WeightLaw(GaussianLaw{}) || law == WeightLaw(GaussianScaledLaw{});
  return is_default ? WeightLaw(NormalLaw{{}, {inner_weight_size(training, width)}}) : law;
}

FillRows inner_weight(const Problem& problem, const TrainingSettings& training, int layer) {
  return row_source(inner_law(training.initial_weights, training, problem.width),
                    square_draw(problem, Purpose::hidden_weight, layer));
}

FillRows inner_feedback(const Problem& problem, const TrainingSettings& training, int layer) {
  FillRows drawn = row_source(inner_law(training.initial_feedback, training, problem.width),
                              square_draw(problem, Purpose::feedback, layer));
  if (training.feedback_correlation == 0) {
    return drawn;
  }
  return [drawn = std::move(drawn), weights = inner_weight(problem, training, layer),
          rho = training.feedback_correlation](int first, std::span<double> rows) {
    drawn(first, rows);
    std::vector<double> weight(rows.size());
    weights(first, weight);
    correlate(rows, weight, rho);
  };
}

FillRows direct_feedback(const Problem& problem, const TrainingSettings& training, int layer) {
  const WeightDraw draw{{problem.seed, problem.width, Purpose::feedback, layer},
                        problem.width,
                        problem.outputs,
                        {problem.outputs, problem.width}};
  return [drawn = row_source(training.initial_feedback, draw),
          scale = std::sqrt(square_scale(training, problem.width))](int first, std::span<double> rows) {
    drawn(first, rows);
    for (double& value : rows) {
      value *= scale;
    }
  };
}

std::vector<double> inner_bias(const Problem& problem, const TrainingSettings& training, int layer) {
  return draw_weights(training.initial_biases, {{problem.seed, problem.width, Purpose::hidden_bias, layer - 1},
                                                problem.width,
                                                1,
                                                {problem.width, problem.width}});
}

RandomStream layer_masks(std::int64_t seed, int width, int layer) {
  return {seed, width, Purpose::masks, layer - 1};
}

}  // namespace fasweep
