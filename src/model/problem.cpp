#include "model/problem.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>

#include "model/activation/list.hpp"
#include "model/random.hpp"
#include "model/richness.hpp"

namespace fasweep {
namespace {

/// Seed and width of random streams.
struct StreamKey {
  std::int64_t seed;
  int width;
};

StreamKey data_streams(const DataSettings& data, const ProblemKey& key) {
  const bool is_shared = data.teacher_width > 0 && data.draw == DataDraw::shared;
  return {key.data_seed.value_or(key.seed), is_shared ? data.teacher_width : key.width};
}

std::vector<double> normals(const StreamKey& key, Purpose purpose, std::size_t count) {
  std::vector<double> values(count);
  RandomStream{key.seed, key.width, purpose}.fill_normal(values);
  return values;
}

std::size_t area(int rows, int columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
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

/// A teacher's weights; those of its hidden units are made a few units at a time, so a wide teacher needs no memory.
class Teacher {
 public:
  Teacher(const DataSettings& data, const ProblemKey& key)
      : width_(static_cast<std::size_t>(data.teacher_width > 0 ? data.teacher_width : key.width)),
        inputs_(static_cast<std::size_t>(data.inputs)),
        outputs_(static_cast<std::size_t>(data.outputs)),
        hidden_{data_streams(data, key).seed, data_streams(data, key).width, Purpose::teacher_hidden},
        output_(normals(data_streams(data, key), Purpose::teacher_output, width_ * outputs_)) {}

  /// f0(x) but for its scale, outputs x rows; columns: x transposed. Sums run over inputs and units in order, for all
  /// rows at once: the same bits whatever the compiler makes of it.
  template <class Activation>
  [[nodiscard]] std::vector<double> outputs(std::span<const double> columns) const {
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

  /// The same of a linear teacher, from the one matrix that its layers amount to.
  [[nodiscard]] std::vector<double> linear_outputs(std::span<const double> columns) const {
    const std::size_t rows = columns.size() / inputs_;
    std::vector<double> matrix(outputs_ * inputs_);
    for_unit_pairs([&](std::size_t first, std::size_t units, const double* weights) {
      for (std::size_t unit = 0; unit < units; ++unit) {
        add_unit(first + unit, std::span(weights + unit * stride(), inputs_), matrix);
      }
    });
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

  [[nodiscard]] double root_width() const { return std::sqrt(static_cast<double>(width_)); }

 private:
  [[nodiscard]] std::size_t stride() const { return (inputs_ + 1) / 2 * 2; }  // streams are read at even positions

  /// visit(first unit, units, their weights, pass_units rows of stride()) for all hidden units in order; units is
  /// pass_units but for the last of an odd number.
  template <class Visit>
  void for_unit_pairs(Visit visit) const {
    constexpr std::size_t block_units = 8 * pass_units;
    std::vector<double> block(block_units * stride());
    for (std::size_t first = 0; first < width_; first += pass_units) {
      if (first % block_units == 0) {
        hidden_.fill_normal(block, first * stride());
      }
      visit(first, std::min(pass_units, width_ - first), &block[first % block_units * stride()]);
    }
  }

  /// Adds beta_r times the unit's numbers to the row of each output.
  void add_unit(std::size_t r, std::span<const double> numbers, std::span<double> sums) const {
    for (std::size_t c = 0; c < outputs_; ++c) {
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        sums[c * numbers.size() + i] += output_[r * outputs_ + c] * numbers[i];
      }
    }
  }

  std::size_t width_;
  std::size_t inputs_;
  std::size_t outputs_;
  RandomStream hidden_;
  std::vector<double> output_;  // width x outputs
};

/// f0(x) for every row of x, rows x outputs.
template <class Activation>
std::vector<double> teacher_targets(std::span<const double> x, const DataSettings& data, const ProblemKey& key) {
  const auto outputs = static_cast<std::size_t>(data.outputs);
  const std::size_t rows = x.size() / static_cast<std::size_t>(data.inputs);
  const std::size_t padded_rows = (rows + 7) / 8 * 8;  // whole vectors: the last rows would be summed one by one
  const std::vector<double> columns = transpose(x, static_cast<std::size_t>(data.inputs), padded_rows);
  const Teacher teacher(data, key);
  std::vector<double> sums;
  if constexpr (std::is_same_v<Activation, Linear>) {
    sums = teacher.linear_outputs(columns);
  } else {
    sums = teacher.outputs<Activation>(columns);
  }
  std::vector<double> targets(rows * outputs);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t c = 0; c < outputs; ++c) {
      targets[i * outputs + c] = sums[c * padded_rows + i] / teacher.root_width();
    }
  }
  return targets;
}

void multiply(std::span<double> values, double factor) {
  for (double& value : values) {
    value *= factor;
  }
}

void scale_to_inputs(std::span<double> values, int inputs) {
  for (double& value : values) {
    value /= std::sqrt(static_cast<double>(inputs));
  }
}

void draw_teacher_data(const DataSettings& data, const ProblemKey& key, Problem& problem) {
  const StreamKey streams = data_streams(data, key);
  problem.x = normals(streams, Purpose::inputs, area(data.samples, data.inputs));
  const std::vector<double> test = normals(streams, Purpose::test_inputs, area(data.test_samples, data.inputs));
  problem.x.insert(problem.x.end(), test.begin(), test.end());
  if (data.input_law == InputLaw::gaussian_scaled) {
    scale_to_inputs(problem.x, data.inputs);
  }
  problem.y = Activations::visit(
      key.activation, [&](auto type) { return teacher_targets<typename decltype(type)::type>(problem.x, data, key); });
  if (data.label_noise > 0) {
    const std::vector<double> noise = normals(streams, Purpose::label_noise, area(data.samples, data.outputs));
    for (std::size_t i = 0; i < noise.size(); ++i) {
      problem.y[i] += data.label_noise * noise[i];
    }
  }
}

/// b as it is drawn, from position `start` of its stream on.
std::vector<double> draw_feedback(const Problem& problem, const TrainingSettings& training, Purpose purpose,
                                  std::uint64_t start = 0) {
  return draw_weights(training.initial_feedback, {{problem.seed, problem.width, purpose},
                                                  problem.width,
                                                  problem.outputs,
                                                  {problem.outputs, problem.width},
                                                  start});
}

WeightDraw draw_of_hidden(const Problem& problem) {
  return {{problem.seed, problem.width, Purpose::hidden_weight},
          problem.width,
          problem.inputs,
          {problem.inputs, problem.width}};
}

/// Rows of a state's W(0); those beyond the last are 0.
FillRows rows_of(const InitialState& state) {
  return [&state](int first, std::span<double> rows) {
    const std::span<const double> from =
        std::span(state.hidden_weight).subspan(area(std::min(first, state.width), state.inputs));
    const std::size_t count = std::min(from.size(), rows.size());
    std::copy_n(from.begin(), count, rows.begin());
    std::fill(rows.begin() + static_cast<std::ptrdiff_t>(count), rows.end(), 0.0);
  };
}

void take_weights(const InitialState& state, const TrainingSettings& training, Problem& problem) {
  assert(state.width == problem.width && state.inputs == problem.inputs && state.outputs == problem.outputs &&
         state.has_biases() == training.biases);
  problem.whole_hidden_weight = rows_of(state);
  problem.output_weight = state.output_weight;
  problem.feedback = state.feedback;
  problem.hidden_bias = state.hidden_bias;
  problem.output_bias = state.output_bias;
}

void draw_biases(const TrainingSettings& training, Problem& problem) {
  const RandomStream hidden{problem.seed, problem.width, Purpose::hidden_bias};
  const RandomStream output{problem.seed, problem.width, Purpose::output_bias};
  problem.hidden_bias =
      draw_weights(training.initial_biases, {hidden, problem.width, 1, {problem.inputs, problem.width}});
  problem.output_bias =
      draw_weights(training.initial_biases, {output, problem.outputs, 1, {problem.width, problem.outputs}});
}

}  // namespace

void correlate(std::span<double> b, std::span<const double> beta, double rho) {
  if (rho == 0) {
    return;
  }
  const double rest = std::sqrt(1 - rho * rho);
  for (std::size_t i = 0; i < b.size(); ++i) {
    b[i] = rho * beta[i] + rest * b[i];
  }
}

void Problem::fill_hidden_weight(int first, std::span<double> rows) const {
  assert(first % 2 == 0);
  if (whole_hidden_weight) {
    whole_hidden_weight(first, rows);
  } else {
    fill_weight_rows(initial_weights, draw_of_hidden(*this), first, rows);
  }
}

std::vector<double> Problem::hidden_weight() const {
  std::vector<double> weights(area(width, inputs));
  fill_hidden_weight(0, weights);
  return weights;
}

Problem make_problem(const DataSettings& data, const ProblemKey& key, const TrainingSettings& training,
                     const Dataset* dataset, const InitialState* state) {
  assert((state != nullptr) == !training.initial_state.path.empty());
  Problem problem;
  problem.samples = data.samples;
  problem.test_samples = data.test_samples;
  problem.inputs = data.inputs;
  problem.outputs = data.outputs;
  problem.width = key.width;
  problem.seed = key.seed;
  problem.initial_weights = training.initial_weights;
  problem.dataset = dataset;
  if (dataset == nullptr) {
    draw_teacher_data(data, key, problem);
  }
  if (state != nullptr) {
    take_weights(*state, training, problem);
    return problem;
  }
  if (is_made_whole(training.initial_weights)) {
    problem.whole_hidden_weight = row_source(training.initial_weights, draw_of_hidden(problem));
  }
  problem.output_weight =
      draw_weights(training.initial_output,
                   {{key.seed, key.width, Purpose::output_weight}, key.width, data.outputs, {key.width, data.outputs}});
  problem.feedback = draw_feedback(problem, training, Purpose::feedback);
  if (training.biases && training.initial_biases != zero_weights()) {
    draw_biases(training, problem);
  }
  correlate(problem.feedback, problem.output_weight, training.feedback_correlation);
  if (training.richness != lazy) {
    const double scale = std::sqrt(square_scale(training, key.width));
    multiply(problem.output_weight, 1 / scale);
    multiply(problem.feedback, scale);
  }
  return problem;
}

std::optional<double> hidden_weight_variance(const TrainingSettings& training, Fans fans) {
  return training.initial_state.path.empty() ? gaussian_variance(training.initial_weights, fans) : std::nullopt;
}

std::vector<double> feedback_of_step(const Problem& problem, const TrainingSettings& training, std::int64_t step) {
  if (step == 0) {
    return problem.feedback;
  }
  const std::uint64_t stride = (problem.feedback.size() + 1) / 2 * 2;  // streams are read at even positions
  std::vector<double> feedback =
      draw_feedback(problem, training, Purpose::feedback_of_steps, static_cast<std::uint64_t>(step) * stride);
  const double scale = std::sqrt(square_scale(training, problem.width));
  std::vector<double> output_weight = problem.output_weight;
  multiply(output_weight, scale);  // as it was drawn
  correlate(feedback, output_weight, training.feedback_correlation);
  multiply(feedback, scale);
  return feedback;
}

}  // namespace fasweep
