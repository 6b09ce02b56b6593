#include "model/problem.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>

#include "model/random.hpp"
#include "model/richness.hpp"
#include "model/teacher.hpp"

namespace fasweep {
namespace {

std::size_t area(int rows, int columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

void multiply(std::span<double> values, double factor) {
  for (double& value : values) {
    value *= factor;
  }
}

void draw_teacher_data(const DataSettings& data, const ProblemKey& key, Problem& problem) {
  const auto draw = [&](Purpose purpose, int rows, int columns) {
    std::vector<double> values(area(rows, columns));
    data_stream(data, key, purpose).fill_normal(values);
    return values;
  };
  problem.x = draw(Purpose::inputs, data.samples, data.inputs);
  const std::vector<double> test = draw(Purpose::test_inputs, data.test_samples, data.inputs);
  problem.x.insert(problem.x.end(), test.begin(), test.end());
  scale_inputs(data, problem.x);
  const Teacher teacher(data, key);
  problem.y = teacher.targets(problem.x);
  if (data.label_noise > 0) {
    const std::vector<double> noise = draw(Purpose::label_noise, data.samples, data.outputs);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      problem.y[i] += data.label_noise * noise[i];
    }
  }
  problem.input_variance = data.input_law == InputLaw::gaussian_scaled ? 1.0 / data.inputs : 1;
  problem.teacher_width = teacher_units(data, key.width);
  if (problem.teacher_width <= max_overlapping_units) {
    problem.teacher_hidden_weight = teacher.hidden_weight();
    problem.teacher_output_weight = teacher.output_weight();
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

void take_weights(const InitialState& state, Problem& problem) {
  assert(state.width == problem.width && state.inputs == problem.inputs && state.outputs == problem.outputs);
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
    take_weights(*state, problem);
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
