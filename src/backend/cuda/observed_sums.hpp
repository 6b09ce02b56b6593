// Turns the sums that the blocks of a run took into an observation.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "backend/cuda/sample_space_arguments.hpp"
#include "model/observation.hpp"

namespace fasweep {

/// sums: `stride` numbers per block, in the blocks' order, the first observed_values of them ObservedSum's.
[[nodiscard]] inline Observation add_blocks(std::span<const double> sums, std::size_t stride = observed_values) {
  std::array<double, observed_values> total{};
  for (std::size_t block = 0; block < sums.size(); block += stride) {
    for (std::size_t i = 0; i < total.size(); ++i) {
      const double sum = sums[block + i];
      total[i] = i < observed_max_output_change ? total[i] + sum : std::max(total[i], sum);
    }
  }
  Observation o;
  o.output_square = total[observed_output_square];
  o.feedback_square = total[observed_feedback_square];
  o.feedback_dot_output = total[observed_feedback_dot_output];
  o.max_output_change = total[observed_max_output_change];
  o.hidden_change_square = total[observed_hidden_change_square];
  o.max_hidden_change = std::sqrt(total[observed_max_hidden_change_square]);
  o.rule_gradient_square = total[observed_rule_gradient_square];
  o.backprop_gradient_square = total[observed_backprop_gradient_square];
  o.gradient_dot = total[observed_gradient_dot];
  return o;
}

}  // namespace fasweep
