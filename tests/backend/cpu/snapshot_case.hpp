// Snapshots of runs in training, held to plain loops that train the same run.
#pragma once

#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_network.hpp"

namespace fasweep::testing {

using Numbers = std::vector<double>;

/// All numbers of a snapshot.
struct SnapshotNumbers {
  std::int64_t step = 0;
  double ridge = 0;
  Numbers outputs;
  Numbers errors;
  Numbers output_weight;
  Numbers feedback;
  Numbers pre_activation;  // width x rows, as all below
  Numbers value;
  Numbers derivative;
  Numbers weight_change;  // width x inputs

  explicit SnapshotNumbers(const Snapshot& snapshot)
      : step(snapshot.step()),
        ridge(snapshot.ridge()),
        outputs(copy(snapshot.outputs())),
        errors(copy(snapshot.errors())),
        output_weight(copy(snapshot.output_weight())),
        feedback(copy(snapshot.feedback())) {
    snapshot.for_each_block(HiddenParts::all, [&](const HiddenBlock& block) {
      EXPECT_EQ(static_cast<std::size_t>(block.first) * static_cast<std::size_t>(snapshot.sizes().rows()),
                value.size());
      append(pre_activation, block.pre_activation);
      append(value, block.value);
      append(derivative, block.derivative);
      append(weight_change, block.weight_change);
    });
  }

 private:
  static Numbers copy(std::span<const double> numbers) { return {numbers.begin(), numbers.end()}; }
  static void append(Numbers& to, std::span<const double> numbers) {
    to.insert(to.end(), numbers.begin(), numbers.end());
  }
};

class SnapshotCollector final : public SnapshotVisitor {
 public:
  void visit(std::int64_t run, const Snapshot& snapshot) override {
    if (run == wanted) {
      snapshots.emplace_back(snapshot);
    }
  }

  std::int64_t wanted = 0;
  std::vector<SnapshotNumbers> snapshots;
};

/// Within `tolerance` of the largest number.
inline void expect_close(const Numbers& ours, const Numbers& expected, double tolerance, const std::string& what) {
  ASSERT_EQ(ours.size(), expected.size()) << what;
  double largest = 1e-3;  // a change of weights of size 1 has their rounding
  for (const double number : expected) {
    largest = std::max(largest, std::abs(number));
  }
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_NEAR(ours[i], expected[i], tolerance * largest) << what << ", number " << i;
  }
}

/// Trains the plain loops, full batches without dropout, to each snapshot's step and compares all of it.
inline void expect_plain_network(const TrainingCase& c, const Problem& problem, const RunSpec& run,
                                 const std::vector<SnapshotNumbers>& snapshots, double tolerance) {
  const std::string_view activation = Activations::names[static_cast<std::size_t>(run.activation)];
  PlainNetwork plain(problem, c.training, activation, Rules::names[static_cast<std::size_t>(run.rule)]);
  const PlainActivation& function = find_plain(plain_activations, activation);
  const Eigen::MatrixXd start = plain.w;
  const std::vector<std::int32_t> trained = rows_from(0, problem.samples);
  const std::vector<std::int32_t> all = rows_from(0, problem.samples + problem.test_samples);
  // Row after row.
  const auto numbers = [](const Eigen::MatrixXd& matrix) {
    const Eigen::MatrixXd columns = matrix.transpose();
    return Numbers(columns.data(), columns.data() + columns.size());
  };
  std::int64_t step = 0;
  for (const SnapshotNumbers& snapshot : snapshots) {
    for (; step < snapshot.step; ++step) {
      plain.begin_step(step);
      plain.advance(trained, run.step_size, run.ridge * schedule_factor(c.training.schedule, step));
    }
    plain.begin_step(step);
    SCOPED_TRACE("step " + std::to_string(step));
    const Eigen::MatrixXd z = plain.pre_activations(all).transpose();
    EXPECT_DOUBLE_EQ(snapshot.ridge, run.ridge * schedule_factor(c.training.schedule, step));
    expect_close(snapshot.outputs, numbers(plain.outputs(all)), tolerance, "f");
    expect_close(snapshot.errors, numbers(plain.errors(trained)), tolerance, "e");
    expect_close(snapshot.output_weight, numbers(plain.beta), tolerance, "beta");
    expect_close(snapshot.feedback, numbers(plain.b), tolerance, "b");
    expect_close(snapshot.pre_activation, numbers(z), tolerance, "Z");
    expect_close(snapshot.value, numbers(z.unaryExpr(function.psi)), tolerance, "H");
    expect_close(snapshot.derivative, numbers(z.unaryExpr(function.psi_prime)), tolerance, "psi'(Z)");
    expect_close(snapshot.weight_change, numbers(plain.w - start), tolerance, "W - W(0)");
  }
}

}  // namespace fasweep::testing
