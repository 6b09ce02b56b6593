#include "model/teacher.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "model/activation/list.hpp"
#include "model/teacher_law.hpp"

namespace fasweep {
namespace {

std::vector<double> normals(const RandomStream& stream, std::size_t count) {
  std::vector<double> values(count);
  stream.fill_normal(values);
  return values;
}

/// Teacher units whose outputs are made in one pass over the inputs.
constexpr std::size_t pass_units = 2;

/// z += columns weights for pass_units units, one input after the other for each row; four inputs a pass, which spares
/// loads and stores of z and leaves the order of the additions alone. columns: inputs x rows; weights: pass_units rows
/// of `stride`; z: pass_units x rows.
void add_columns(std::span<const double> columns, std::size_t inputs, const double* weights, std::size_t stride,
                 std::span<double> z) {
  static_assert(pass_units == 2);
  const std::size_t rows = z.size() / pass_units;
  double* __restrict__ sum0 = z.data();
  double* __restrict__ sum1 = sum0 + rows;
  std::size_t k = 0;
  for (; k + 4 <= inputs; k += 4) {
    const double* __restrict__ column = &columns[k * rows];
    const double* const u = weights + k;
    const double* const v = u + stride;
    const double first[4] = {u[0], u[1], u[2], u[3]};
    const double second[4] = {v[0], v[1], v[2], v[3]};
    for (std::size_t i = 0; i < rows; ++i) {
      const double x[4] = {column[i], column[i + rows], column[i + 2 * rows], column[i + 3 * rows]};
      sum0[i] = (((sum0[i] + x[0] * first[0]) + x[1] * first[1]) + x[2] * first[2]) + x[3] * first[3];
      sum1[i] = (((sum1[i] + x[0] * second[0]) + x[1] * second[1]) + x[2] * second[2]) + x[3] * second[3];
    }
  }
  for (; k < inputs; ++k) {
    for (std::size_t i = 0; i < rows; ++i) {
      sum0[i] += columns[k * rows + i] * weights[k];
      sum1[i] += columns[k * rows + i] * weights[stride + k];
    }
  }
}

/// x transposed: inputs x padded_rows, zero beyond x's rows.
std::vector<double> transpose(std::span<const double> x, std::size_t inputs, std::size_t padded_rows) {
  std::vector<double> columns(inputs * padded_rows);
  for (std::size_t i = 0; i < x.size() / inputs; ++i) {
    for (std::size_t k = 0; k < inputs; ++k) {
      columns[k * padded_rows + i] = x[i * inputs + k];
    }
  }
  return columns;
}

}  // namespace

int teacher_units(const DataSettings& data, int width) {
  const bool has_units = data.source == DataSource::teacher &&
                         visit_choice<TeacherLaws>(data.teacher, [](const auto& law) { return law.has_units; });
  return !has_units ? 0 : data.teacher_width > 0 ? data.teacher_width : width;
}

RandomStream data_stream(const DataSettings& data, const ProblemKey& key, Purpose purpose) {
  const int units = teacher_units(data, key.width);
  const bool is_shared = units == 0 || (data.teacher_width > 0 && data.draw == DataDraw::shared);
  return {key.data_seed.value_or(key.seed), is_shared ? units : key.width, purpose};
}

void scale_inputs(const DataSettings& data, std::span<double> x) {
  if (data.input_law == InputLaw::gaussian_scaled) {
    for (double& value : x) {
      value /= std::sqrt(static_cast<double>(data.inputs));
    }
  }
}

Teacher::Teacher(const DataSettings& data, const ProblemKey& key)
    : activation_(key.activation),
      width_(static_cast<std::size_t>(teacher_units(data, key.width))),
      inputs_(static_cast<std::size_t>(data.inputs)),
      outputs_(static_cast<std::size_t>(data.outputs)),
      hidden_(data_stream(data, key, Purpose::teacher_hidden)),
      divisor_(1) {
  visit_choice<TeacherLaws>(data.teacher, [&]<class Law>(const Law& law) {
    if constexpr (std::is_same_v<Law, LinearTeacher>) {
      map_.resize(outputs_ * inputs_);
      hidden_.fill_uniform(map_);
      std::ranges::transform(map_, map_.begin(), [&](double uniform) { return law.values[0] * (2 * uniform - 1); });
    } else if constexpr (std::is_same_v<Law, CommitteeTeacher>) {
      output_.assign(width_ * outputs_, law.values[0]);
    } else {
      output_ = normals(data_stream(data, key, Purpose::teacher_output), width_ * outputs_);
      divisor_ *= std::sqrt(static_cast<double>(width_));
    }
  });
}

std::vector<double> Teacher::targets(std::span<const double> x) const {
  const std::size_t rows = x.size() / inputs_;
  const std::size_t padded_rows = (rows + 7) / 8 * 8;  // whole vectors: the last rows would be summed one by one
  const std::vector<double> columns = transpose(x, inputs_, padded_rows);
  const std::vector<double> sums =
      !map_.empty() ? multiply(map_, columns) : Activations::visit(activation_, [&](auto type) {
        using Activation = typename decltype(type)::type;
        if constexpr (std::is_same_v<Activation, Linear>) {
          return multiply(linear_matrix(), columns);
        } else {
          return network_sums<Activation>(columns);
        }
      });
  std::vector<double> targets(rows * outputs_);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t c = 0; c < outputs_; ++c) {
      targets[i * outputs_ + c] = sums[c * padded_rows + i] / divisor_;
    }
  }
  return targets;
}

std::vector<double> Teacher::hidden_weight() const {
  std::vector<double> weights;
  weights.reserve(width_ * inputs_);
  for_unit_pairs([&](std::size_t /*first*/, std::size_t units, const double* rows) {
    for (std::size_t unit = 0; unit < units; ++unit) {
      weights.insert(weights.end(), rows + unit * stride(), rows + unit * stride() + inputs_);
    }
  });
  return weights;
}

std::vector<double> Teacher::output_weight() const {
  std::vector<double> weights = output_;
  std::ranges::transform(weights, weights.begin(), [&](double weight) { return weight / divisor_; });
  return weights;
}

/// psi(x W0^T) beta0, outputs x rows; columns: x transposed. Sums run over inputs and units in order, for all rows at
/// once: the same bits whatever the compiler makes of it.
template <class Activation>
std::vector<double> Teacher::network_sums(std::span<const double> columns) const {
  const std::size_t rows = columns.size() / inputs_;
  std::vector<double> z(pass_units * rows);
  std::vector<double> sums(outputs_ * rows);
  for_unit_pairs([&](std::size_t first, std::size_t units, const double* weights) {
    std::fill(z.begin(), z.end(), 0.0);
    add_columns(columns, inputs_, weights, stride(), z);
    for (std::size_t unit = 0; unit < units; ++unit) {
      const std::span<double> h = std::span(z).subspan(unit * rows, rows);
      std::transform(h.begin(), h.end(), h.begin(), Activation::template value<double>);
      add_unit(first + unit, h, sums);
    }
  });
  return sums;
}

/// What the layers of a network without psi amount to: outputs x inputs.
std::vector<double> Teacher::linear_matrix() const {
  std::vector<double> matrix(outputs_ * inputs_);
  for_unit_pairs([&](std::size_t first, std::size_t units, const double* weights) {
    for (std::size_t unit = 0; unit < units; ++unit) {
      add_unit(first + unit, std::span(weights + unit * stride(), inputs_), matrix);
    }
  });
  return matrix;
}

/// matrix: outputs x inputs; columns: x transposed. Outputs x rows, as network_sums().
std::vector<double> Teacher::multiply(std::span<const double> matrix, std::span<const double> columns) const {
  const std::size_t rows = columns.size() / inputs_;
  std::vector<double> sums(outputs_ * rows);
  for (std::size_t c = 0; c < outputs_; ++c) {
    for (std::size_t k = 0; k < inputs_; ++k) {
      for (std::size_t i = 0; i < rows; ++i) {
        sums[c * rows + i] += columns[k * rows + i] * matrix[c * inputs_ + k];
      }
    }
  }
  return sums;
}

/// visit(first unit, units, their weights, pass_units rows of stride()) for all hidden units in order; units is
/// pass_units but for the last of an odd number.
template <class Visit>
void Teacher::for_unit_pairs(Visit visit) const {
  constexpr std::size_t block_units = 8 * pass_units;
  std::vector<double> block(block_units * stride());
  for (std::size_t first = 0; first < width_; first += pass_units) {
    if (first % block_units == 0) {
      hidden_.fill_normal(block, first * stride());
    }
    visit(first, std::min(pass_units, width_ - first), &block[first % block_units * stride()]);
  }
}

/// Adds beta0_r times the unit's numbers to the row of each output.
void Teacher::add_unit(std::size_t r, std::span<const double> numbers, std::span<double> sums) const {
  for (std::size_t c = 0; c < outputs_; ++c) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      sums[c * numbers.size() + i] += output_[r * outputs_ + c] * numbers[i];
    }
  }
}

}  // namespace fasweep
