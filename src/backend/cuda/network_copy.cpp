#include "backend/cuda/network_copy.hpp"

#include <algorithm>
#include <utility>

namespace fasweep {
namespace {

/// b as it was rounded at the start.
void copy_rounded(std::span<const double> feedback, std::span<double> b) {
  std::transform(feedback.begin(), feedback.end(), b.begin(),
                 [](double value) { return static_cast<double>(static_cast<float>(value)); });
}

}  // namespace

void copy_columns(std::span<const float> matrix, int width, int rows, int first, std::span<double> columns) {
  const auto row_size = static_cast<std::size_t>(rows);
  for (std::size_t u = 0; u < columns.size() / row_size; ++u) {
    for (std::size_t i = 0; i < row_size; ++i) {
      columns[u * row_size + i] =
          static_cast<double>(matrix[i * static_cast<std::size_t>(width) + static_cast<std::size_t>(first) + u]);
    }
  }
}

SampleSpaceCopy::SampleSpaceCopy(const Problem& problem, std::vector<float> z, std::vector<float> output_weight,
                                 ReadMultipliers multipliers)
    : problem_(problem),
      z_(std::move(z)),
      output_weight_(std::move(output_weight)),
      multipliers_(std::move(multipliers)) {}

void SampleSpaceCopy::read_output_weight(std::span<double> beta) const {
  std::ranges::copy(output_weight_, beta.begin());
}

void SampleSpaceCopy::read_feedback(std::span<double> b) const {
  copy_rounded(problem_.feedback, b);
}

void SampleSpaceCopy::read_pre_activation(int first, std::span<double> z) const {
  copy_columns(z_, problem_.width, problem_.samples + problem_.test_samples, first, z);
}

void SampleSpaceCopy::read_hidden_change(int first, std::span<double> change) const {
  const std::size_t units = change.size() / static_cast<std::size_t>(problem_.inputs);
  std::vector<double> multipliers(units * static_cast<std::size_t>(problem_.samples));
  multipliers_(z_, first, multipliers);
  std::ranges::fill(change, 0.0);
  add_input_multiples(problem_, multipliers, change);
}

WeightSpaceCopy::WeightSpaceCopy(const Problem& problem, std::vector<float> hidden_weight,
                                 std::vector<float> output_weight, std::vector<float> hidden_bias,
                                 std::vector<float> output_bias)
    : problem_(problem),
      hidden_weight_(std::move(hidden_weight)),
      output_weight_(std::move(output_weight)),
      hidden_bias_(std::move(hidden_bias)),
      output_bias_(std::move(output_bias)) {}

void WeightSpaceCopy::read_output_weight(std::span<double> beta) const {
  std::ranges::copy(output_weight_, beta.begin());
}

void WeightSpaceCopy::read_feedback(std::span<double> b) const {
  copy_rounded(problem_.feedback, b);
}

void WeightSpaceCopy::read_output_bias(std::span<double> bias) const {
  std::ranges::copy(output_bias_, bias.begin());
}

void WeightSpaceCopy::read_hidden_bias(std::span<double> bias) const {
  std::ranges::copy(hidden_bias_, bias.begin());
}

void WeightSpaceCopy::read_hidden_weight(const Problem& /*problem*/, int first, std::span<double> weights) const {
  std::copy_n(hidden_weight_.begin() + static_cast<std::ptrdiff_t>(first) * problem_.inputs, weights.size(),
              weights.begin());
}

void WeightSpaceCopy::read_pre_activation(int first, std::span<double> z) const {
  const std::size_t units = z.size() / static_cast<std::size_t>(problem_.samples + problem_.test_samples);
  std::vector<double> weights(units * static_cast<std::size_t>(problem_.inputs));
  read_hidden_weight(problem_, first, weights);
  const auto bias = hidden_bias_.begin() + first;
  multiply_inputs(problem_, weights, std::vector<double>(bias, bias + static_cast<std::ptrdiff_t>(units)), z);
}

void WeightSpaceCopy::read_hidden_change(int first, std::span<double> change) const {
  std::vector<double> start(change.size());
  problem_.fill_hidden_weight(first, start);
  read_hidden_weight(problem_, first, change);
  for (std::size_t i = 0; i < change.size(); ++i) {
    change[i] -= static_cast<double>(static_cast<float>(start[i]));  // as it was rounded at the start
  }
}

}  // namespace fasweep
