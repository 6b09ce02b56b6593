#include "backend/cuda/network_copy.hpp"

#include <algorithm>
#include <utility>

namespace fasweep {
namespace {

/// Where the rows of the hidden units first, first + 1, ... begin in a matrix of this many columns.
std::ptrdiff_t row_of(int first, int columns) {
  return static_cast<std::ptrdiff_t>(first) * columns;
}

/// b of the hidden units first, first + 1, ... as it was rounded at the start.
void copy_rounded(const Problem& problem, int first, std::span<double> b) {
  const auto from = problem.feedback.begin() + row_of(first, problem.outputs);
  std::transform(from, from + static_cast<std::ptrdiff_t>(b.size()), b.begin(),
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

void SampleSpaceCopy::read_output_weight(int first, std::span<double> beta) const {
  std::copy_n(output_weight_.begin() + row_of(first, problem_.outputs), beta.size(), beta.begin());
}

void SampleSpaceCopy::read_feedback(int first, std::span<double> b) const {
  copy_rounded(problem_, first, b);
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

void WeightSpaceCopy::read_output_weight(int first, std::span<double> beta) const {
  std::copy_n(output_weight_.begin() + row_of(first, problem_.outputs), beta.size(), beta.begin());
}

void WeightSpaceCopy::read_feedback(int first, std::span<double> b) const {
  copy_rounded(problem_, first, b);
}

void WeightSpaceCopy::read_output_bias(std::span<double> bias) const {
  std::ranges::copy(output_bias_, bias.begin());
}

void WeightSpaceCopy::read_hidden_bias(int first, std::span<double> bias) const {
  std::copy_n(hidden_bias_.begin() + first, bias.size(), bias.begin());
}

void WeightSpaceCopy::read_hidden_weight(const Problem& /*problem*/, int first, std::span<double> weights) const {
  std::copy_n(hidden_weight_.begin() + row_of(first, problem_.inputs), weights.size(), weights.begin());
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
