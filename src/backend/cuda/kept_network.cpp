#include "backend/cuda/kept_network.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace fasweep {
namespace {

/// b as the device was given it.
void copy_feedback(const Problem& problem, std::span<double> b) {
  std::transform(problem.feedback.begin(), problem.feedback.end(), b.begin(),
                 [](double value) { return static_cast<double>(static_cast<float>(value)); });
}

/// Columns first, first + 1, ... of rows x width numbers as rows of `out`: units x rows.
void transpose_columns(std::span<const float> numbers, std::size_t width, std::size_t first, std::span<double> out) {
  const std::size_t rows = numbers.size() / width;
  const std::size_t units = out.size() / rows;
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t u = 0; u < units; ++u) {
      out[u * rows + i] = static_cast<double>(numbers[i * width + first + u]);
    }
  }
}

}  // namespace

KeptSampleSpace::KeptSampleSpace(const Problem& problem, FetchedArray z, FetchedArray moves, FetchedArray beta)
    : problem_(problem), z_(std::move(z)), moves_(std::move(moves)), beta_(std::move(beta)) {}

void KeptSampleSpace::read_output_weight(std::span<double> beta) const {
  std::ranges::copy(beta_.numbers(), beta.begin());
}

void KeptSampleSpace::read_feedback(std::span<double> b) const {
  copy_feedback(problem_, b);
}

void KeptSampleSpace::read_pre_activation(int first, std::span<double> z) const {
  transpose_columns(z_.numbers(), static_cast<std::size_t>(problem_.width), static_cast<std::size_t>(first), z);
}

void KeptSampleSpace::read_hidden_change(int first, std::span<double> change) const {
  const std::size_t units = change.size() / static_cast<std::size_t>(problem_.inputs);
  std::vector<double> multipliers(units * static_cast<std::size_t>(problem_.samples));
  transpose_columns(moves_.numbers(), static_cast<std::size_t>(problem_.width), static_cast<std::size_t>(first),
                    multipliers);
  for (double& value : multipliers) {
    value = -value;
  }
  std::ranges::fill(change, 0.0);
  add_input_multiples(problem_, multipliers, change);
}

KeptWeightSpace::KeptWeightSpace(const Problem& problem, FetchedArray w, FetchedArray beta, FetchedArray hidden_bias,
                                 FetchedArray output_bias)
    : problem_(problem),
      w_(std::move(w)),
      beta_(std::move(beta)),
      hidden_bias_(std::move(hidden_bias)),
      output_bias_(std::move(output_bias)) {}

void KeptWeightSpace::read_output_weight(std::span<double> beta) const {
  std::ranges::copy(beta_.numbers(), beta.begin());
}

void KeptWeightSpace::read_feedback(std::span<double> b) const {
  copy_feedback(problem_, b);
}

void KeptWeightSpace::read_output_bias(std::span<double> bias) const {
  std::ranges::copy(output_bias_.numbers(), bias.begin());
}

void KeptWeightSpace::read_pre_activation(int first, std::span<double> z) const {
  const std::size_t units = z.size() / static_cast<std::size_t>(problem_.samples + problem_.test_samples);
  const auto inputs = static_cast<std::size_t>(problem_.inputs);
  const float* w = w_.numbers().data() + static_cast<std::size_t>(first) * inputs;
  const float* bias = hidden_bias_.numbers().data() + first;
  multiply_inputs(problem_, std::vector<double>(w, w + units * inputs), std::vector<double>(bias, bias + units), z);
}

/// W(0) as the device was given it.
void KeptWeightSpace::read_hidden_change(int first, std::span<double> change) const {
  problem_.fill_hidden_weight(first, change);
  const float* w = w_.numbers().data() + static_cast<std::size_t>(first) * static_cast<std::size_t>(problem_.inputs);
  for (std::size_t i = 0; i < change.size(); ++i) {
    change[i] = static_cast<double>(w[i]) - static_cast<double>(static_cast<float>(change[i]));
  }
}

}  // namespace fasweep
