#include "model/problem.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "model/random.hpp"

namespace fasweep {
namespace {

std::vector<double> normals(const ProblemKey& key, Purpose purpose, std::size_t count) {
  std::vector<double> values(count);
  RandomStream{key.seed, key.width, purpose}.fill_normal(values);
  return values;
}

std::size_t area(int rows, int columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

/// z += columns weights, one input after the other for each row; four inputs a pass, which spares loads and stores of z
/// and leaves the order of the additions alone. columns: inputs x rows.
void add_columns(std::span<const double> columns, std::span<const double> weights, std::span<double> z) {
  const std::size_t rows = z.size();
  double* __restrict__ sum = z.data();
  std::size_t k = 0;
  for (; k + 4 <= weights.size(); k += 4) {
    const double* __restrict__ column = &columns[k * rows];
    const double w[4] = {weights[k], weights[k + 1], weights[k + 2], weights[k + 3]};
    for (std::size_t i = 0; i < rows; ++i) {
      sum[i] = (((sum[i] + column[i] * w[0]) + column[i + rows] * w[1]) + column[i + 2 * rows] * w[2]) +
               column[i + 3 * rows] * w[3];
    }
  }
  for (; k < weights.size(); ++k) {
    for (std::size_t i = 0; i < rows; ++i) {
      sum[i] += columns[k * rows + i] * weights[k];
    }
  }
}

/// f0(x) for every row of x; the hidden weights are made unit by unit, so a wide teacher needs no memory. Sums run over
/// the inputs in order, for all rows at once: the same bits whatever the compiler makes of it.
template <class Activation>
std::vector<double> teacher_targets(std::span<const double> x, const DataSettings& data, const ProblemKey& key) {
  const auto d = static_cast<std::size_t>(data.inputs);
  const auto outputs = static_cast<std::size_t>(data.outputs);
  const int teacher_width = data.teacher_width > 0 ? data.teacher_width : key.width;
  const std::size_t rows = x.size() / d;
  std::vector<double> columns(x.size());  // x transposed
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      columns[k * rows + i] = x[i * d + k];
    }
  }
  const std::size_t stride = (d + 1) / 2 * 2;  // streams are read at even positions
  const RandomStream hidden{key.seed, key.width, Purpose::teacher_hidden};
  const std::vector<double> output = normals(key, Purpose::teacher_output, area(teacher_width, data.outputs));
  std::vector<double> unit(d);
  std::vector<double> z(rows);
  std::vector<double> sums(outputs * rows, 0.0);  // f0 transposed, but for its scale
  for (std::size_t r = 0; r < static_cast<std::size_t>(teacher_width); ++r) {
    hidden.fill_normal(unit, r * stride);
    std::fill(z.begin(), z.end(), 0.0);
    add_columns(columns, unit, z);
    for (double& value : z) {
      value = Activation::value(value);
    }
    for (std::size_t c = 0; c < outputs; ++c) {
      for (std::size_t i = 0; i < rows; ++i) {
        sums[c * rows + i] += output[r * outputs + c] * z[i];
      }
    }
  }
  std::vector<double> targets(rows * outputs);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t c = 0; c < outputs; ++c) {
      targets[i * outputs + c] = sums[c * rows + i] / std::sqrt(static_cast<double>(teacher_width));
    }
  }
  return targets;
}

void scale_to_inputs(std::vector<double>& values, int inputs) {
  for (double& value : values) {
    value /= std::sqrt(static_cast<double>(inputs));
  }
}

void draw_teacher_data(const DataSettings& data, const ProblemKey& key, Problem& problem) {
  problem.x = normals(key, Purpose::inputs, area(data.samples, data.inputs));
  const std::vector<double> test = normals(key, Purpose::test_inputs, area(data.test_samples, data.inputs));
  problem.x.insert(problem.x.end(), test.begin(), test.end());
  if (data.input_law == InputLaw::gaussian_scaled) {
    scale_to_inputs(problem.x, data.inputs);
  }
  problem.y = Activations::visit(
      key.activation, [&](auto type) { return teacher_targets<typename decltype(type)::type>(problem.x, data, key); });
  if (data.label_noise > 0) {
    const std::vector<double> noise = normals(key, Purpose::label_noise, area(data.samples, data.outputs));
    for (std::size_t i = 0; i < noise.size(); ++i) {
      problem.y[i] += data.label_noise * noise[i];
    }
  }
}

}  // namespace

Problem make_problem(const DataSettings& data, const ProblemKey& key, InitialWeights initial_weights,
                     const Dataset* dataset) {
  Problem problem;
  problem.samples = data.samples;
  problem.test_samples = data.test_samples;
  problem.inputs = data.inputs;
  problem.outputs = data.outputs;
  problem.width = key.width;
  problem.dataset = dataset;
  if (dataset == nullptr) {
    draw_teacher_data(data, key, problem);
  }
  problem.hidden_weight = normals(key, Purpose::hidden_weight, area(key.width, data.inputs));
  if (initial_weights == InitialWeights::gaussian_scaled) {
    scale_to_inputs(problem.hidden_weight, data.inputs);
  }
  problem.output_weight = normals(key, Purpose::output_weight, area(key.width, data.outputs));
  problem.feedback = normals(key, Purpose::feedback, area(key.width, data.outputs));
  return problem;
}

}  // namespace fasweep
