// A batch trained on the device, and the same training as plain loops over float64, for tests and canaries of the
// kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "backend/cuda/sample_space_runs.hpp"
#include "model/activation/list.hpp"
#include "model/observation.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_network.hpp"

namespace fasweep::testing {

struct KernelCase {
  int samples = 5;
  int tests = 0;
  int width = 10;
  int activation = 0;
  int problems = 1;
  int steps = 3;
  std::vector<BatchRun> runs{{0, 0, 0.02}};
  double ridge = 0.5;
};

inline std::vector<Problem> make_problems(const KernelCase& c) {
  DataSettings data;
  data.samples = c.samples;
  data.test_samples = c.tests;
  data.inputs = 7;
  data.input_law = InputLaw::gaussian_scaled;
  std::vector<Problem> problems;
  for (int seed = 0; seed < c.problems; ++seed) {
    problems.push_back(make_problem(data, {seed, c.width, c.activation}));
  }
  return problems;
}

/// What a run looks like after c.steps steps.
struct KernelResult {
  std::vector<float> state;  // z, moves, output weights
  Observation observation;
  std::vector<double> losses;  // squared error before each step
};

/// Trains the case on the device that is linked in; in one advance(), c.steps <= max_steps_a_chunk.
inline std::vector<KernelResult> train_on_device(const KernelCase& c) {
  const std::vector<Problem> problems = make_problems(c);
  std::vector<const Problem*> pointers;
  for (const Problem& problem : problems) {
    pointers.push_back(&problem);
  }
  const std::size_t runs = c.runs.size();
  std::vector<float> decays;
  for (int step = 0; step < c.steps; ++step) {
    for (const BatchRun& run : c.runs) {
      decays.push_back(static_cast<float>(1 - run.step_size * c.ridge));
    }
  }
  Stream stream;
  SampleSpaceRuns batch(stream, c.activation, pointers, c.runs);
  batch.advance(0, c.steps, decays, std::vector<std::int64_t>(runs, c.steps));
  batch.observe(c.steps);
  const std::vector<RunBatch::Seen> seen = batch.seen(c.steps);
  const std::vector<Observation> observations = batch.observations();
  std::vector<KernelResult> results(runs);
  for (std::size_t run = 0; run < runs; ++run) {
    results[run].state = batch.state(static_cast<int>(run));
    results[run].observation = observations[run];
    for (std::size_t step = 0; step < static_cast<std::size_t>(c.steps); ++step) {
      results[run].losses.push_back(2 * seen[step * runs + run].loss);
    }
  }
  return results;
}

/// The plain loops of sample space, in float64: Z and beta after `steps` steps. O(n^2 p) a step where PlainNetwork
/// takes O(n^2 p d), so that n = 256 can be tested; sample_space_kernels_test.cpp holds it to PlainNetwork.
struct PlainSampleSpace {
  std::vector<double> z;  // rows x width
  std::vector<double> beta;
  std::vector<double> losses;
};

inline std::vector<double> plain_gram(const Problem& problem) {
  const int rows = problem.samples + problem.test_samples;
  std::vector<double> gram;
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < problem.samples; ++j) {
      double sum = 0;
      for (int k = 0; k < problem.inputs; ++k) {
        sum += problem.x[static_cast<std::size_t>(i * problem.inputs + k)] *
               problem.x[static_cast<std::size_t>(j * problem.inputs + k)];
      }
      gram.push_back(sum);
    }
  }
  return gram;
}

inline PlainSampleSpace train_plainly(const KernelCase& c, const Problem& problem, const BatchRun& run) {
  const std::string_view activation = Activations::names[static_cast<std::size_t>(c.activation)];
  const std::string_view rule = Rules::names[static_cast<std::size_t>(run.rule)];
  const PlainActivation& function = find_plain(plain_activations, activation);
  const PlainRule& way_back = find_plain(plain_rules, rule);
  const PlainNetwork start(problem, {}, activation, rule);
  const auto n = static_cast<std::size_t>(problem.samples);
  const std::size_t rows = n + static_cast<std::size_t>(problem.test_samples);
  const auto p = static_cast<std::size_t>(problem.width);
  const std::vector<double> gram = plain_gram(problem);
  const double scale = run.step_size / std::sqrt(problem.width);
  PlainSampleSpace s{std::vector<double>(rows * p), problem.output_weight, {}};
  const Eigen::MatrixXd z = start.pre_activations(rows_from(0, static_cast<int>(rows)));
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t r = 0; r < p; ++r) {
      s.z[i * p + r] = z(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(r));
    }
  }
  for (int step = 0; step < c.steps; ++step) {
    std::vector<double> e(n);
    double loss = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double f = 0;
      for (std::size_t r = 0; r < p; ++r) {
        f += function.psi(s.z[i * p + r]) * s.beta[r];
      }
      e[i] = f / std::sqrt(problem.width) - problem.y[i];
      loss += e[i] * e[i];
    }
    s.losses.push_back(loss);
    for (std::size_t r = 0; r < p; ++r) {
      const double v = way_back.feedback(problem.feedback[r], s.beta[r]);
      std::vector<double> move(n);
      double gradient = 0;
      for (std::size_t j = 0; j < n; ++j) {
        move[j] = scale * v * way_back.teaching(e[j], problem.y[j]) * function.psi_prime(s.z[j * p + r]);
        gradient += function.psi(s.z[j * p + r]) * e[j];
      }
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
          s.z[i * p + r] -= gram[i * n + j] * move[j];
        }
      }
      s.beta[r] = (1 - run.step_size * c.ridge) * s.beta[r] - scale * gradient;
    }
  }
  return s;
}

/// Largest difference of device and plain loops over z, beta and the losses, relative to the largest number there is in
/// each. Not a number if the device has one.
inline double distance(const KernelResult& device, const PlainSampleSpace& plain, int samples) {
  const std::size_t width = plain.beta.size();
  const auto worst = [](const auto* ours, const std::vector<double>& expected) {
    double difference = 0;
    double largest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double d = std::abs(static_cast<double>(ours[i]) - expected[i]);
      difference = d <= difference ? difference : d;
      largest = std::max(largest, std::abs(expected[i]));
    }
    return difference / largest;
  };
  const float* beta = device.state.data() + plain.z.size() + static_cast<std::size_t>(samples) * width;
  double total = worst(device.state.data(), plain.z) + worst(beta, plain.beta);
  return device.losses.empty() ? total : total + worst(device.losses.data(), plain.losses);
}

}  // namespace fasweep::testing
