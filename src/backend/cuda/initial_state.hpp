// What the device starts from, made on the host in float64 and rounded once: the Gram matrix, pre-activations and the
// first forward pass of a problem. Sums are taken in a fixed order without fused multiply-adds, so every machine gets
// the same bits.
#pragma once

#include <vector>

#include "model/problem.hpp"

namespace fasweep {

/// K^T with K = X X_train^T: samples x padded_rows, rows of test samples after the training ones, then zeros.
[[nodiscard]] std::vector<float> transposed_gram(const Problem& problem, int padded_rows);

/// Z = X W(0)^T, rows x width.
[[nodiscard]] std::vector<float> initial_pre_activations(const Problem& problem);

/// sum_r beta_r(0) psi(z_ir) for every row i, then ||beta(0)||^2.
[[nodiscard]] std::vector<float> initial_values(const Problem& problem, const std::vector<float>& z, int activation);

[[nodiscard]] std::vector<float> to_float(const std::vector<double>& values);

}  // namespace fasweep
