#include "backend/cuda/initial_state.hpp"

#include <cstddef>

#include "model/activation/list.hpp"

namespace fasweep {
namespace {

/// X^T: inputs x rows, so that loops over rows are contiguous and need no reordered sums to vectorise.
std::vector<double> transposed_inputs(const Problem& problem, std::size_t rows) {
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  std::vector<double> transposed(problem.x.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < inputs; ++k) {
      transposed[k * rows + i] = problem.x[i * inputs + k];
    }
  }
  return transposed;
}

std::size_t row_count(const Problem& problem) {
  return static_cast<std::size_t>(problem.samples) + static_cast<std::size_t>(problem.test_samples);
}

/// X v for a vector v of `inputs` numbers.
void multiply_inputs(const std::vector<double>& transposed, std::size_t rows, const double* v, std::size_t inputs,
                     std::vector<double>& product) {
  product.assign(rows, 0.0);
  for (std::size_t k = 0; k < inputs; ++k) {
    const double* column = transposed.data() + k * rows;
    for (std::size_t i = 0; i < rows; ++i) {
      product[i] += column[i] * v[k];
    }
  }
}

}  // namespace

std::vector<float> transposed_gram(const Problem& problem, int padded_rows) {
  const std::size_t rows = row_count(problem);
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  const auto stride = static_cast<std::size_t>(padded_rows);
  const std::vector<double> transposed = transposed_inputs(problem, rows);
  std::vector<float> gram(static_cast<std::size_t>(problem.samples) * stride, 0.0F);
  std::vector<double> column;
  for (std::size_t j = 0; j < static_cast<std::size_t>(problem.samples); ++j) {
    multiply_inputs(transposed, rows, problem.x.data() + j * inputs, inputs, column);
    for (std::size_t i = 0; i < rows; ++i) {
      gram[j * stride + i] = static_cast<float>(column[i]);
    }
  }
  return gram;
}

std::vector<float> initial_pre_activations(const Problem& problem) {
  const std::size_t rows = row_count(problem);
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  const auto width = static_cast<std::size_t>(problem.width);
  const std::vector<double> transposed = transposed_inputs(problem, rows);
  std::vector<float> z(rows * width);
  std::vector<double> column;
  constexpr std::size_t block_units = 64;
  std::vector<double> block(block_units * inputs);
  for (std::size_t r = 0; r < width; ++r) {
    if (r % block_units == 0) {
      problem.fill_hidden_weight(static_cast<int>(r), block);
    }
    multiply_inputs(transposed, rows, block.data() + r % block_units * inputs, inputs, column);
    for (std::size_t i = 0; i < rows; ++i) {
      z[i * width + r] = static_cast<float>(column[i]);
    }
  }
  return z;
}

std::vector<float> initial_values(const Problem& problem, const std::vector<float>& z, int activation) {
  const std::size_t rows = row_count(problem);
  const auto width = static_cast<std::size_t>(problem.width);
  const std::vector<float> beta = to_float(problem.output_weight);
  std::vector<double> sums(rows + 1, 0.0);
  Activations::visit(activation, [&](auto type) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t r = 0; r < width; ++r) {
        sums[i] += static_cast<double>(beta[r]) * decltype(type)::type::value(static_cast<double>(z[i * width + r]));
      }
    }
  });
  for (const float b : beta) {
    sums[rows] += static_cast<double>(b) * b;
  }
  return to_float(sums);
}

std::vector<float> to_float(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

}  // namespace fasweep
