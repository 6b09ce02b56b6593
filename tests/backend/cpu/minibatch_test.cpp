// Networks with several outputs, both losses, biases, minibatches, dropout and sparse inputs in the weight-space
// solver.
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/training_case.hpp"
#include "backend/cpu/weight_space.hpp"
#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/initial/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/random.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_network.hpp"
#include "reference/train_reference.hpp"

namespace fasweep {
namespace {

using testing::expect_close;
using testing::TrainingCase;
using testing::value_at;

constexpr int samples = 13;
constexpr int tests = 5;
constexpr int outputs = 3;

/// Targets become the one-hot class of the largest number in them.
void make_classes(Problem& problem) {
  for (std::size_t row = 0; row < problem.y.size(); row += outputs) {
    const auto first = problem.y.begin() + static_cast<std::ptrdiff_t>(row);
    const auto largest = std::max_element(first, first + outputs) - first;
    std::fill_n(first, outputs, 0.0);
    first[largest] = 1;
  }
}

/// A small classification in float64, every step recorded.
struct NetworkCase : TrainingCase {
  explicit NetworkCase(LossFunction loss = LossFunction::cross_entropy, int rule = Rules::index_of<FeedbackAlignment>(),
                       int activation = Activations::index_of<Tanh>(), std::int64_t steps = 30)
      : TrainingCase(samples, 6, 21, activation, rule, steps) {
    data.outputs = outputs;
    data.test_samples = tests;
    data.targets = Targets::classes;
    training.loss = loss;
    run.step_size = adapts_feedback(rule) ? 0.01 : 0.1;  // b bears steps of 2 / sum f^2, and f is large at scale one
  }

  [[nodiscard]] Problem problem() const {
    Problem problem = make_problem(data, {run.seed, run.width, run.activation}, training);
    make_classes(problem);
    return problem;
  }
  [[nodiscard]] PlainNetwork plain(const Problem& problem) const {
    return {problem, training, Activations::names[static_cast<std::size_t>(run.activation)],
            Rules::names[static_cast<std::size_t>(run.rule)]};
  }
  [[nodiscard]] RunRecord train(const Problem& problem) const {
    return train_weight_space<double>(request(problem), run);
  }
};

void expect_plain_loops(const NetworkCase& c, double absolute = 1e-12) {
  const Problem problem = c.problem();
  const RunRecord record = c.train(problem);
  ASSERT_EQ(record.status, RunStatus::done);
  const ReferenceRun plain = train_reference(problem, {c.data, c.training, c.record}, c.run, c.training.max_steps);
  ASSERT_EQ(record.trajectory.size(), plain.trajectory.size());
  for (std::size_t i = 0; i < plain.trajectory.size(); ++i) {
    // Rounding of 1e-16 a step in a training that neither grows nor forgets it, over 30 or 200 steps.
    expect_close(record.trajectory[i], plain.trajectory[i], 1e-10, absolute,
                 std::string(Metrics::names[i / record.points]) + " at step " + std::to_string(i % record.points));
  }
}

class EveryLossAndRule : public ::testing::TestWithParam<std::tuple<int, int>> {
 protected:
  [[nodiscard]] NetworkCase make_case() const {
    return NetworkCase(static_cast<LossFunction>(std::get<0>(GetParam())), std::get<1>(GetParam()));
  }
};
INSTANTIATE_TEST_SUITE_P(, EveryLossAndRule,
                         ::testing::Combine(::testing::Range(0, Losses::size),
                                            ::testing::ValuesIn(testing::rules_of(Solver::weight_space))));

TEST_P(EveryLossAndRule, EqualsThePlainLoopsInFullBatch) {
  expect_plain_loops(make_case());
}

TEST_P(EveryLossAndRule, EqualsThePlainLoopsFor200Steps) {
  NetworkCase c = make_case();
  c.training.max_steps = 200;
  c.record.steps = {0, 1, 2, 50, 200};
  c.run.step_size = 0.01;
  expect_plain_loops(c);
}

TEST_P(EveryLossAndRule, EqualsThePlainLoopsInMinibatchesThatDoNotDivideTheSamples) {
  NetworkCase c = make_case();
  c.training.batch_size = 4;
  c.training.reduction = Reduction::mean;
  expect_plain_loops(c);
}

TEST_P(EveryLossAndRule, EqualsThePlainLoopsWithBiasesAndEverythingDecaying) {
  NetworkCase c = make_case();
  c.training.biases = true;
  c.training.decay = Decay::all;
  c.training.output_scale = OutputScale::one;
  c.training.initial_weights = GaussianScaledLaw{};
  c.training.reduction = Reduction::mean;
  expect_plain_loops(c);
}

TEST_P(EveryLossAndRule, EqualsThePlainLoopsWithDropout) {
  NetworkCase c = make_case();
  c.training.dropout = 0.3;
  c.training.batch_size = 5;
  expect_plain_loops(c);
}

TEST(Network, EqualsThePlainLoopsForEveryActivation) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    SCOPED_TRACE(Activations::names[static_cast<std::size_t>(activation)]);
    NetworkCase c(LossFunction::cross_entropy, Rules::index_of<FeedbackAlignment>(), activation);
    c.training.biases = true;
    c.training.dropout = 0.2;
    expect_plain_loops(c);
  }
}

TEST(Network, EqualsThePlainLoopsForEveryOptimizerAndRule) {
  ASSERT_EQ(static_cast<int>(testing::all_optimizers().size()) + 1, Optimizers::size);
  for (const Optimizer& optimizer : testing::all_optimizers()) {
    for (const int rule : testing::rules_of(Solver::weight_space)) {
      SCOPED_TRACE(std::string(Optimizers::names[static_cast<std::size_t>(optimizer.position())]) + ", " +
                   std::string(Rules::names[static_cast<std::size_t>(rule)]));
      if (optimizer == Optimizer(ManhattanOptimizer{}) && rule == Rules::index_of<SejnowskiTesauro>()) {
        continue;  // a bias's gradient is 0 but for rounding, whose sign would count
      }
      NetworkCase c(LossFunction::binary_cross_entropy, rule, Activations::index_of<Tanh>(), 200);
      c.training.optimizer = optimizer;
      c.training.biases = true;
      c.training.decay = Decay::all;
      c.training.batch_size = 5;
      c.training.reduction = Reduction::mean;
      c.run.step_size = is_hebbian(rule) ? 0.001 : 0.01;  // under these rules W grows, and what it was rounded by
      c.run.ridge = 0.1;
      expect_plain_loops(c, 1e-10);  // cosines near 0: RMSprop and Adam divide by what may be small
    }
  }
}

TEST(Network, EqualsThePlainLoopsUnderEveryLawOfInitialWeightsAndBiases) {
  ASSERT_EQ(static_cast<int>(testing::all_weight_laws().size()), WeightLaws::size);
  for (std::size_t law = 0; law < testing::all_weight_laws().size(); ++law) {
    for (const int rule : {Rules::index_of<FeedbackAlignment>(), Rules::index_of<RedrawnSignSymmetry>()}) {
      SCOPED_TRACE(std::string(WeightLaws::names[law]) + ", " +
                   std::string(Rules::names[static_cast<std::size_t>(rule)]));
      NetworkCase c(LossFunction::cross_entropy, rule);
      c.training.biases = true;
      c.training.batch_size = 5;
      testing::mix_weight_laws(law, c.training);
      expect_plain_loops(c, 1e-10);  // changes of W as small as beta, which begins at 0 under one law
    }
  }
}

TEST(Network, EqualsThePlainLoopsWithErrorsThatComeLate) {
  for (const int rule : testing::rules_of(Solver::weight_space)) {
    for (const int delay : {1, 4, 50}) {
      SCOPED_TRACE(std::string(Rules::names[static_cast<std::size_t>(rule)]) + ", " + std::to_string(delay));
      NetworkCase c(LossFunction::cross_entropy, rule);
      c.training.error_delay = delay;
      c.training.biases = true;
      expect_plain_loops(c);
    }
  }
}

TEST(Network, EqualsThePlainLoopsInTheDatasOrderWithoutTheLastBatch) {
  NetworkCase c;
  c.training.batch_size = 4;
  c.training.sample_order = SampleOrder::unshuffled;
  c.training.last_batch = LastBatch::dropped;
  expect_plain_loops(c);
}

TEST(Network, ErrorsThatHaveNotComeTeachNoHiddenUnit) {
  NetworkCase c;
  c.training.error_delay = 4;
  const Problem problem = c.problem();
  const RunRecord late = c.train(problem);
  c.training.error_delay = 0;

  const RunRecord prompt = c.train(problem);

  EXPECT_EQ(value_at<HiddenChangeMetric>(late, 4), 0);
  EXPECT_EQ(value_at<LossMetric>(late, 0), value_at<LossMetric>(prompt, 0));
  EXPECT_LT(value_at<LossMetric>(late, 4), value_at<LossMetric>(late, 0)) << "the output weights learn at once";
  // e(0) moves W at step 4 as it would have at step 0, but for psi', which has not changed either.
  EXPECT_EQ(value_at<HiddenChangeMetric>(late, 5), value_at<HiddenChangeMetric>(prompt, 1));
}

TEST(Network, WeightMirrorsFeedbackComesToTheForwardWeights) {
  NetworkCase c(LossFunction::squared, Rules::index_of<WeightMirror>(), Activations::index_of<Tanh>(), 2000);
  c.run.step_size = 1e-6;  // beta stays
  c.training.mirror_step_size = 0.01;
  c.training.mirror_samples = 200;
  c.training.mirror_decay = 2;
  c.record.steps = {0, 2000};

  const RunRecord record = c.train(c.problem());

  // b has the mean beta / 2, and each number of it the variance (a / (2 c)) |beta|^2 / m, about 0.01 / 4 * 21 / 200:
  // a thousandth of 1/4, the square of its mean, so that the cosine lacks some 5e-4 of 1. Without mirroring it is
  // small.
  EXPECT_LT(std::abs(record.trajectory[Metrics::index_of<AlignmentMetric>() * record.points]), 0.5);
  EXPECT_GT(record.final_values[Metrics::index_of<AlignmentMetric>()], 0.99);
}

TEST(Network, MomentumZeroIsPlainGradientDescent) {
  NetworkCase c;
  c.training.batch_size = 4;
  const Problem problem = c.problem();
  const std::vector<double> plain = c.train(problem).trajectory;
  for (const Optimizer& optimizer : {Optimizer(MomentumOptimizer{{0}}), Optimizer(NesterovOptimizer{{0}})}) {
    c.training.optimizer = optimizer;
    const std::vector<double> trajectory = c.train(problem).trajectory;
    ASSERT_EQ(trajectory.size(), plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      expect_close(trajectory[i], plain[i], 1e-12, 1e-14, "number " + std::to_string(i));  // rounded in another order
    }
  }
}

TEST(Network, FeedbackAlignmentWithTheForwardWeightsAsFeedbackIsBackpropsFirstStep) {
  NetworkCase c(LossFunction::cross_entropy, Rules::index_of<FeedbackAlignment>());
  c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<HiddenChangeMetric>()};
  Problem problem = c.problem();
  problem.feedback = problem.output_weight;
  const RunRecord alignment = c.train(problem);
  c.run.rule = Rules::index_of<Backprop>();

  const RunRecord backprop = c.train(problem);

  const auto loss = [](const RunRecord& record, std::size_t step) { return record.trajectory[step]; };
  EXPECT_EQ(loss(alignment, 1), loss(backprop, 1));
  EXPECT_NE(loss(alignment, 2), loss(backprop, 2)) << "feedback stays, forward weights move";
}

TEST(Network, OneBatchOfAllSamplesIsFullBatchBitForBit) {
  NetworkCase c;
  const Problem problem = c.problem();
  const RunRecord full = c.train(problem);
  c.training.batch_size = samples;
  EXPECT_EQ(c.train(problem).trajectory, full.trajectory);
}

/// Sparse inputs in several groups and blocks, the last of both not full, and the same in a dense problem.
struct SparseCase : NetworkCase {
  explicit SparseCase(double density) {
    data = {};
    data.samples = 170;
    data.inputs = 190;
    data.outputs = outputs;
    data.test_samples = 530;  // more than are evaluated at once
    data.targets = Targets::classes;
    run.width = 77;
    run.step_size = 0.01;
    training.initial_weights = GaussianScaledLaw{};
    training.max_steps = 12;
    record.steps = {0, 1, 2, 5, 12};
    dense = problem();
    std::vector<double> uniform(dense.x.size());
    RandomStream{1, 1, Purpose::label_noise}.fill_uniform(uniform);
    set.samples = data.samples;
    set.test_samples = data.test_samples;
    set.inputs = data.inputs;
    set.outputs = outputs;
    set.y = dense.y;
    GrowingRows rows;
    std::vector<double> scale;
    std::vector<double> shift;
    for (int j = 0; j < data.inputs; ++j) {
      scale.push_back(0.5 + 0.01 * j);
      shift.push_back(0.1 - 0.001 * j);
    }
    for (std::size_t at = 0; at < dense.x.size(); ++at) {
      const auto j = at % scale.size();
      const bool is_there = uniform[at] < density;
      if (is_there) {
        rows.add(static_cast<int>(j), dense.x[at]);
      }
      dense.x[at] = (is_there ? dense.x[at] : 0) * scale[j] - shift[j];
      if (j + 1 == scale.size()) {
        rows.end_row();
      }
    }
    rows.move_to(set);
    set.scale = std::move(scale);
    set.shift = std::move(shift);
    sparse = dense;
    sparse.x.clear();
    sparse.y.clear();
    sparse.dataset = &set;
  }
  SparseCase(const SparseCase&) = delete;

  Dataset set;
  Problem dense;
  Problem sparse;
};

TEST(Network, SparseInputsGiveWhatDenseOnesGive) {
  for (const double density : {0.15, 0.9}) {
    for (const int batch : {0, 100}) {
      SCOPED_TRACE(std::to_string(density) + ", batch " + std::to_string(batch));
      SparseCase c(density);
      c.training.batch_size = batch;
      c.training.dropout = batch == 0 ? 0 : 0.2;
      c.training.biases = true;
      const RunRecord dense = c.train(c.dense);

      const RunRecord sparse = c.train(c.sparse);

      for (std::size_t i = 0; i < dense.trajectory.size(); ++i) {
        // Sums of 190 float64 terms in another order, 1e-14 relative, over a dozen steps.
        expect_close(sparse.trajectory[i], dense.trajectory[i], 1e-10, 1e-12,
                     std::string(Metrics::names[i / dense.points]) + " at point " + std::to_string(i % dense.points));
      }
    }
  }
}

TEST(Network, FloatFollowsDoubleOnSparseInputs) {
  SparseCase c(0.15);
  c.training.batch_size = 100;
  c.training.reduction = Reduction::mean;
  c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<BatchLossMetric>()};
  const RunRecord wide = c.train(c.sparse);

  const RunRecord narrow = train_weight_space<float>(c.request(c.sparse), c.run);

  for (std::size_t i = 0; i < wide.trajectory.size(); ++i) {
    // 6e-8 a rounding, sums of 190 and 77 terms, a dozen small steps.
    expect_close(narrow.trajectory[i], wide.trajectory[i], 1e-4, 0, "value " + std::to_string(i));
  }
}

TEST(Network, EqualOutputsHaveTheLossOfGuessing) {
  NetworkCase c;
  c.training.reduction = Reduction::mean;
  Problem problem = c.problem();
  std::fill(problem.output_weight.begin(), problem.output_weight.end(), 0.0);
  EXPECT_NEAR(value_at<LossMetric>(c.train(problem), 0), std::log(outputs), 1e-14);  // a mean of 13 equal numbers
}

TEST(Dropout, RaisesTheExpectedLossByTheRidgeItActsAs) {
  // E_mask L = L + 1/2 sum_r lambda_r beta_r^2, lambda_r = q / (1 - q) / p sum_i psi(z_ir)^2, for squared loss.
  constexpr std::int64_t steps = 4000;
  NetworkCase c(LossFunction::squared, Rules::index_of<Backprop>(), Activations::index_of<Relu>(), steps);
  c.training.dropout = 0.25;
  c.run.step_size = 1e-300;  // the weights stay, the masks change
  c.record.metrics = {Metrics::index_of<LossMetric>(), Metrics::index_of<BatchLossMetric>()};
  const Problem problem = c.problem();
  const PlainNetwork plain = c.plain(problem);
  const Eigen::MatrixXd z = plain.pre_activations(rows_from(0, samples));
  double ridge_loss = 0;
  for (int r = 0; r < problem.width; ++r) {
    double strength = 0;
    for (int i = 0; i < samples; ++i) {
      strength += std::pow(std::max(z(i, r), 0.0), 2);
    }
    for (int output = 0; output < outputs; ++output) {
      ridge_loss += 0.5 * (0.25 / 0.75) / problem.width * strength * std::pow(plain.beta(r, output), 2);
    }
  }

  const RunRecord record = c.train(problem);

  const double loss = plain.sums(rows_from(0, samples)).loss;
  double sum = 0;
  double square_sum = 0;
  for (std::size_t step = 0; step <= steps; ++step) {
    expect_close(record.trajectory[step], loss, 1e-12, 0, "evaluated without masks");
    sum += record.trajectory[record.points + step];
    square_sum += std::pow(record.trajectory[record.points + step], 2);
  }
  const double mean = sum / (steps + 1);
  const double deviation = std::sqrt(square_sum / (steps + 1) - mean * mean);
  // Five standard errors of 4001 independent masks: one in a million seeds fails, and this seed is fixed.
  EXPECT_NEAR(mean, loss + ridge_loss, 5 * deviation / std::sqrt(steps + 1));
  EXPECT_GT(ridge_loss, 20 * deviation / std::sqrt(steps + 1)) << "the test would not see a missing ridge";
}

TEST(Network, LooksAtAllSamplesOnlyForMetricsThatDo) {
  NetworkCase c;
  c.training.batch_size = 4;
  c.record.metrics = {Metrics::index_of<BatchLossMetric>(), Metrics::index_of<TestAccuracyMetric>()};
  const Problem problem = c.problem();
  const RunRecord chosen = c.train(problem);
  c.record.metrics.clear();
  for (int metric = 0; metric < Metrics::size; ++metric) {
    if (!reads_snapshot(metric)) {
      c.record.metrics.push_back(metric);
    }
  }
  const RunRecord all = c.train(problem);
  for (std::size_t step = 0; step < chosen.points; ++step) {
    EXPECT_EQ(chosen.trajectory[step], value_at<BatchLossMetric>(all, step));
    EXPECT_EQ(chosen.trajectory[chosen.points + step], value_at<TestAccuracyMetric>(all, step));
  }
}

}  // namespace
}  // namespace fasweep
