// Networks of several hidden layers: against plain loops, against finite differences, and against weight-space where
// there is one layer.
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/plain_layers.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/initial/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "reference/train_reference.hpp"
#include "support/agreement_steps.hpp"
#include "support/memory_checkpoints.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using testing::are_same_bits;
using testing::expect_close;
using ::testing::HasSubstr;
using testing::MemoryCheckpoints;
using testing::PlainLayers;
using testing::PlainMatrix;
using testing::PlainWeights;
using testing::rules_of;
using testing::TrainingCase;
using testing::value_at;

/// Of odd sizes, stable; every metric of sums, and those of layers.
struct DeepCase : TrainingCase {
  DeepCase(int depth, int activation, int rule, std::int64_t steps) : TrainingCase(11, 7, 13, activation, rule, steps) {
    data.input_law = InputLaw::gaussian_scaled;
    data.test_samples = 3;
    training.depth = depth;
    solver = Solver::layered;
    run.step_size = error_teaches(rule) ? 0.02 : 0.002;
  }

  void add_layer_metrics() {
    for (int metric = 0; metric < Metrics::size; ++metric) {
      if ((traits_of(metric) & sees_layers) != 0) {
        record.metrics.push_back(metric);
      }
    }
  }

  /// With everything that sets a network apart from the paper's, but for dropout.
  void elaborate() {
    data.outputs = 3;
    data.targets = Targets::classes;
    training.loss = LossFunction::cross_entropy;
    training.batch_size = 4;
    training.biases = true;
    training.decay = Decay::all;
    training.reduction = Reduction::mean;
    run.step_size *= 5;
  }
};

RunRecord train(const TrainingCase& c, const Problem& problem, Checkpoints* checkpoints = nullptr) {
  TrainingRequest request = c.request(problem);
  request.checkpoints = checkpoints;
  RunRecord record = make_cpu_trainer()->train(request).at(0);
  EXPECT_EQ(record.error, "");
  EXPECT_EQ(record.solver, c.solver);
  return record;
}
RunRecord train(const TrainingCase& c, Checkpoints* checkpoints = nullptr) {
  return train(c, c.problem(), checkpoints);
}

/// The number of layer `layer` (0: the first) of a layer metric that is recorded after those of sums.
template <class Metric>
double layer_value(const TrainingCase& c, const RunRecord& record, int layer, std::size_t point) {
  std::size_t first = 0;
  for (const int metric : c.record.metrics) {
    if (metric == Metrics::index_of<Metric>()) {
      return record.trajectory.at((first + static_cast<std::size_t>(layer)) * record.points + point);
    }
    first += (traits_of(metric) & sees_layers) != 0 ? static_cast<std::size_t>(c.training.depth) : 1;
  }
  ADD_FAILURE() << Metric::name;
  return 0;
}

double cosine_of(const std::vector<double>& a, const std::vector<double>& b) {
  const std::size_t n = a.size();
  const PlainMatrix x(n, 1, a);
  const PlainMatrix y(n, 1, b);
  return dot(x, y) / std::sqrt(dot(x, x) * dot(y, y));
}

/// Depth, rule, and setting: 0 is the paper's, 1 elaborate, 2 with dropout and f = H beta too.
using Variant = std::tuple<int, int, int>;

std::string name_of_variant(const ::testing::TestParamInfo<Variant>& info) {
  const auto [depth, rule, setting] = info.param;
  std::string name(Rules::names[static_cast<std::size_t>(rule)]);
  std::erase(name, '-');
  return name + "Depth" + std::to_string(depth) + "Setting" + std::to_string(setting);
}

struct VariantCase : DeepCase {
  VariantCase(const Variant& variant, std::int64_t steps)
      : DeepCase(std::get<0>(variant), Activations::index_of<Tanh>(), std::get<1>(variant), steps) {
    const int setting = std::get<2>(variant);
    if (setting > 0) {
      elaborate();
    }
    if (setting > 1) {
      training.dropout = 0.3;
      training.output_scale = OutputScale::one;
      run.step_size /= 3;
    }
  }
};

class Layers : public ::testing::TestWithParam<Variant> {};

INSTANTIATE_TEST_SUITE_P(, Layers,
                         ::testing::Combine(::testing::Range(1, 5), ::testing::ValuesIn(rules_of(Solver::layered)),
                                            ::testing::Range(0, 3)),
                         name_of_variant);

TEST_P(Layers, FollowPlainLoops) {
  constexpr double tolerance = 1e-10;
  constexpr std::int64_t steps = testing::agreement_steps(200);
  const VariantCase c(GetParam(), steps);
  const Problem problem = c.problem();
  const RunRecord record = train(c, problem);
  ASSERT_EQ(record.status, RunStatus::done);
  PlainLayers plain(problem, c.data, c.training, c.run);
  const PlainLayers start = plain;
  for (std::int64_t step = 0; step <= steps; ++step) {
    const auto point = static_cast<std::size_t>(step);
    const std::string where = "step " + std::to_string(step) + ", ";
    if (step < 3 || step % 40 == 0) {
      expect_close(value_at<BatchLossMetric>(record, point), plain.loss(step), tolerance, 0, where + "batch loss");
      expect_close(value_at<LossMetric>(record, point), plain.loss_of(0, c.data.samples), tolerance, 0, where + "loss");
      expect_close(value_at<TestLossMetric>(record, point), plain.loss_of(c.data.samples, 3), tolerance, 0,
                   where + "test loss");
      expect_close(value_at<OutputNormMetric>(record, point), std::sqrt(dot(plain.now.beta, plain.now.beta)), tolerance,
                   0, where + "output norm");
      expect_close(value_at<AlignmentMetric>(record, point), cosine_of(plain.b.numbers, plain.now.beta.numbers),
                   tolerance, tolerance, where + "alignment");
      double change = 0;
      double square = dot(plain.now.beta, plain.now.beta);
      for (std::size_t l = 0; l < plain.now.w.size(); ++l) {
        PlainMatrix moved = plain.now.w[l];
        for (std::size_t i = 0; i < moved.numbers.size(); ++i) {
          moved.numbers[i] -= start.now.w[l].numbers[i];
        }
        change += dot(moved, moved);
        square += c.training.decay == Decay::all ? dot(plain.now.w[l], plain.now.w[l]) : 0;
      }
      expect_close(value_at<HiddenChangeMetric>(record, point), std::sqrt(change), tolerance, tolerance,
                   where + "hidden change");
      expect_close(value_at<RegularizedLossMetric>(record, point),
                   value_at<LossMetric>(record, point) + 0.5 * c.run.ridge * square, tolerance, 0,
                   where + "regularized loss");
      const PlainWeights by_rule = plain.gradient(step, false);
      const PlainWeights by_backprop = plain.gradient(step, true);
      double rule_square = 0;
      double backprop_square = 0;
      double product = 0;
      for (std::size_t l = 0; l < by_rule.w.size(); ++l) {
        rule_square += dot(by_rule.w[l], by_rule.w[l]);
        backprop_square += dot(by_backprop.w[l], by_backprop.w[l]);
        product += dot(by_rule.w[l], by_backprop.w[l]);
      }
      expect_close(value_at<GradientAlignmentMetric>(record, point), product / std::sqrt(rule_square * backprop_square),
                   tolerance, tolerance, where + "gradient alignment");
    }
    if (step < steps) {
      plain.advance(step);
    }
  }
  if (error_teaches(c.run.rule)) {
    EXPECT_LT(value_at<LossMetric>(record, steps), value_at<LossMetric>(record, 0)) << "it learns nothing";
  }
}

TEST_P(Layers, HaveTheNumbersOfPlainLoops) {
  constexpr double tolerance = 1e-9;
  VariantCase c(GetParam(), 20);
  c.add_layer_metrics();
  const Problem problem = c.problem();
  const RunRecord record = train(c, problem);
  PlainLayers plain(problem, c.data, c.training, c.run);
  for (std::int64_t step = 0; step <= 20; step += 20) {
    const auto point = static_cast<std::size_t>(step);
    const PlainWeights by_rule = plain.gradient(step, false);
    const PlainWeights by_backprop = plain.gradient(step, true);
    for (int layer = 0; layer < c.training.depth; ++layer) {
      const auto l = static_cast<std::size_t>(layer);
      const std::string where = "layer " + std::to_string(layer) + ", step " + std::to_string(step) + ", ";
      PlainMatrix b = plain.b;
      PlainMatrix w = plain.now.beta;
      if (layer + 1 < c.training.depth) {
        b = plain.back[l];
        w = plain.now.w[l + 1];
        if (PlainLayers::is_direct(c.run.rule)) {  // the product of all that follow
          w = plain.now.beta;
          for (std::size_t above = plain.now.w.size() - 1; above > l; --above) {
            PlainMatrix through(plain.now.w[above].columns, w.columns);
            for (std::size_t i = 0; i < through.rows; ++i) {
              for (std::size_t j = 0; j < through.columns; ++j) {
                for (std::size_t a = 0; a < w.rows; ++a) {
                  through(i, j) += plain.scale() * plain.now.w[above](a, i) * w(a, j);
                }
              }
            }
            w = through;
          }
        }
      }
      expect_close(layer_value<LayerWeightAlignmentMetric>(c, record, layer, point), cosine_of(b.numbers, w.numbers),
                   tolerance, tolerance, where + "weight alignment");
      expect_close(layer_value<LayerFeedbackNormRatioMetric>(c, record, layer, point), std::sqrt(dot(b, b) / dot(w, w)),
                   tolerance, 0, where + "norm ratio");
      expect_close(layer_value<LayerGradientAlignmentMetric>(c, record, layer, point),
                   cosine_of(by_rule.w[l].numbers, by_backprop.w[l].numbers), tolerance, tolerance,
                   where + "gradient alignment");
      const auto rule_signals = plain.signals(step, l, false);
      const auto backprop_signals = plain.signals(step, l, true);
      double sum = 0;
      for (std::size_t i = 0; i < rule_signals.size(); ++i) {
        sum += cosine_of(rule_signals[i], backprop_signals[i]);
      }
      expect_close(layer_value<LayerSignalAlignmentMetric>(c, record, layer, point),
                   sum / static_cast<double>(rule_signals.size()), tolerance, tolerance, where + "signal alignment");
      const auto h = plain.values(step, l);
      double trace = 0;
      double square = 0;
      for (const std::vector<double>& one : h) {
        for (const std::vector<double>& other : h) {
          const double product = dot(PlainMatrix(one.size(), 1, one), PlainMatrix(one.size(), 1, other));
          trace += &one == &other ? product : 0;
          square += product * product;
        }
      }
      expect_close(layer_value<LayerEffectiveRankMetric>(c, record, layer, point), trace * trace / square, tolerance, 0,
                   where + "effective rank");
    }
    for (std::int64_t t = 0; t < 20 && step == 0; ++t) {
      plain.advance(t);
    }
  }
}

/// Against the network of reference/, which all settings of a run are held to.
void expect_reference(const DeepCase& c) {
  const Problem problem = c.problem();
  const RunRecord record = train(c, problem);
  const ReferenceRun plain = train_reference(problem, {c.data, c.training, c.record}, c.run, c.training.max_steps);
  ASSERT_EQ(record.trajectory.size(), plain.trajectory.size());
  for (std::size_t i = 0; i < plain.trajectory.size(); ++i) {
    // Rounding of 1e-16 a step over 100 steps, and cosines near 0; optimizers divide by what may be small.
    expect_close(record.trajectory[i], plain.trajectory[i], 1e-10, 1e-10,
                 std::string(Metrics::names[static_cast<std::size_t>(c.record.metrics[i / record.points])]) +
                     " at step " + std::to_string(i % record.points));
  }
}

TEST(Layered, FollowsPlainLoopsUnderEveryOptimizer) {
  for (const Optimizer& optimizer : testing::all_optimizers()) {
    for (const int rule : rules_of(Solver::layered)) {
      SCOPED_TRACE(std::string(Optimizers::names[static_cast<std::size_t>(optimizer.position())]) + ", " +
                   std::string(Rules::names[static_cast<std::size_t>(rule)]));
      if (optimizer == Optimizer(ManhattanOptimizer{}) && rule == Rules::index_of<SignSymmetry>()) {
        continue;  // errors of classes add up to 0, and so does what comes back where all signs are the same
      }
      DeepCase c(3, Activations::index_of<Tanh>(), rule, 100);
      c.elaborate();
      c.training.optimizer = optimizer;
      c.run.step_size = 0.002;  // all optimizers' steps are of the size of eta, or ten times as long
      expect_reference(c);
    }
  }
}

TEST(Layered, FollowsPlainLoopsUnderEveryLawOfInitialWeightsAndBiases) {
  for (std::size_t law = 0; law < testing::all_weight_laws().size(); ++law) {
    for (const int rule : {Rules::index_of<FeedbackAlignment>(), Rules::index_of<DirectFeedbackAlignment>()}) {
      SCOPED_TRACE(WeightLaws::names[law]);
      DeepCase c(3, Activations::index_of<Tanh>(), rule, 100);
      c.elaborate();
      testing::mix_weight_laws(law, c.training);
      expect_reference(c);
    }
  }
}

TEST(Layered, InnerLayersHaveTheLawOfTheFirstWithTheirOwnFans) {
  DeepCase c(3, Activations::index_of<Tanh>(), Rules::index_of<FeedbackAlignment>(), 0);
  const auto square = [&](const auto& rows_of) {
    const Problem problem = c.problem();
    std::vector<double> rows(static_cast<std::size_t>(problem.width) * static_cast<std::size_t>(problem.width));
    rows_of(problem, c.training, 2)(0, rows);
    const PlainMatrix w(rows.size(), 1, rows);
    return dot(w, w) / static_cast<double>(rows.size());
  };
  c.run.width = 100;
  c.training.output_scale = OutputScale::one;
  for (const WeightLaw& law : {WeightLaw(GaussianLaw{}), WeightLaw(GaussianScaledLaw{})}) {
    c.training.initial_weights = law;
    EXPECT_NEAR(square(inner_weight), 0.01, 0.001) << "of 10000 squares: a standard error of 0.00014";
  }
  c.training.initial_weights = HeUniformLaw{{{}, {1}}};
  c.training.initial_feedback = NormalLaw{{}, {3}};
  EXPECT_NEAR(square(inner_weight), 0.02, 0.002);
  EXPECT_NEAR(square(inner_feedback), 9, 0.9);
}

TEST(Layered, FollowsPlainLoopsWithErrorsThatComeLate) {
  for (const int rule : rules_of(Solver::layered)) {
    for (const int delay : {1, 6}) {
      SCOPED_TRACE(std::string(Rules::names[static_cast<std::size_t>(rule)]) + ", " + std::to_string(delay));
      DeepCase c(3, Activations::index_of<Tanh>(), rule, 100);
      c.elaborate();
      c.training.batch_size = 0;
      c.training.error_delay = delay;
      expect_reference(c);
    }
  }
}

TEST(Layered, DecaysTheLayersThatItIsTold) {
  for (int depth = 1; depth <= 3; ++depth) {
    for (std::uint32_t layers = 0; layers < 2U << static_cast<unsigned>(depth); ++layers) {
      for (const Optimizer& optimizer : {Optimizer(GradientDescent{}), Optimizer(MomentumOptimizer{{0.5}})}) {
        DeepCase c(depth, Activations::index_of<Tanh>(), Rules::index_of<KolenPollack>(), 20);
        c.training.decay = {layers};
        c.training.optimizer = optimizer;
        c.run.ridge = 2;
        SCOPED_TRACE("depth " + std::to_string(depth) + ", layers " + std::to_string(layers));
        expect_reference(c);
        if (depth == 1) {
          c.solver = Solver::weight_space;
          expect_reference(c);
        }
        if (!is_sgd(optimizer)) {
          continue;  // which the loops below are without
        }
        c.solver = Solver::layered;
        const Problem problem = c.problem();
        const RunRecord record = train(c, problem);
        PlainLayers plain(problem, c.data, c.training, c.run);
        for (int step = 0; step < 20; ++step) {
          plain.advance(step);
        }
        double square = layers % 2 == 1 ? dot(plain.now.beta, plain.now.beta) : 0;
        for (std::size_t l = 0; l < plain.now.w.size(); ++l) {
          square += (layers >> (l + 1)) % 2 == 1 ? dot(plain.now.w[l], plain.now.w[l]) : 0;
        }
        // Rounding of 1e-16 a step.
        expect_close(value_at<LossMetric>(record, 20), plain.loss_of(0, c.data.samples), 1e-10, 0, "loss");
        expect_close(value_at<RegularizedLossMetric>(record, 20), value_at<LossMetric>(record, 20) + square, 1e-10, 0,
                     "regularized loss");
      }
    }
  }
}

TEST(Layered, BackpropIsTheGradientOfTheLoss) {
  for (int depth = 1; depth <= 4; ++depth) {
    for (const bool is_elaborate : {false, true}) {
      DeepCase c(depth, Activations::index_of<Tanh>(), Rules::index_of<Backprop>(), 1);
      if (is_elaborate) {
        c.elaborate();
        c.training.dropout = 0.2;
      }
      const Problem problem = c.problem();
      PlainLayers plain(problem, c.data, c.training, c.run);
      PlainWeights g = plain.gradient(0, false);
      const auto expect_slope = [&](double& weight, double slope) {
        constexpr double step = 1e-5;
        const double kept = weight;
        weight = kept + step;
        const double above = plain.loss(0);
        weight = kept - step;
        const double below = plain.loss(0);
        weight = kept;
        EXPECT_NEAR((above - below) / (2 * step), slope, 1e-8) << "depth " << depth;
      };
      for (std::size_t l = 0; l < g.w.size(); ++l) {
        for (std::size_t i = 0; i < g.w[l].numbers.size(); i += 5) {
          expect_slope(plain.now.w[l].numbers[i], g.w[l].numbers[i]);
        }
        expect_slope(plain.now.bias[l].numbers[2], g.bias[l].numbers[2]);
      }
      for (std::size_t i = 0; i < g.beta.numbers.size(); ++i) {
        expect_slope(plain.now.beta.numbers[i], g.beta.numbers[i]);
      }
      expect_slope(plain.now.output_bias.numbers[0], g.output_bias.numbers[0]);

      // and the solver's own loss falls by the square of that gradient
      c.run.ridge = 0;
      c.run.step_size = 1e-6;
      c.training.batch_size = 0;
      c.training.dropout = 0;
      PlainLayers whole(problem, c.data, c.training, c.run);
      g = whole.gradient(0, false);
      double square = dot(g.beta, g.beta);
      for (std::size_t l = 0; l < g.w.size(); ++l) {
        square += dot(g.w[l], g.w[l]) + (is_elaborate ? dot(g.bias[l], g.bias[l]) : 0);
      }
      square += is_elaborate ? dot(g.output_bias, g.output_bias) : 0;
      const RunRecord record = train(c, problem);
      EXPECT_NEAR((value_at<LossMetric>(record, 0) - value_at<LossMetric>(record, 1)) / c.run.step_size, square,
                  1e-4 * square)
          << "depth " << depth;
    }
  }
}

TEST(Layered, IsWeightSpaceWhereThereIsOneLayer) {
  for (const int rule : rules_of(Solver::layered)) {
    if (propagates_targets(rule)) {
      continue;  // the layered solver's alone
    }
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (int setting = 0; setting < 3; ++setting) {
        DeepCase c(1, activation, rule, testing::agreement_steps(200));
        if (setting > 0) {
          c.elaborate();
        }
        c.training.dropout = setting > 1 ? 0.3 : 0;
        c.training.initial_weights = GaussianScaledLaw{};
        c.training.step_schedule = ExponentialSchedule{{0.99}};
        const Problem problem = c.problem();
        const RunRecord layered = train(c, problem);
        c.solver = Solver::weight_space;

        const RunRecord reference = train(c, problem);

        ASSERT_EQ(layered.trajectory.size(), reference.trajectory.size());
        for (std::size_t i = 0; i < layered.trajectory.size(); ++i) {
          expect_close(layered.trajectory[i], reference.trajectory[i], 1e-10, 1e-10,
                       std::string(Metrics::names[static_cast<std::size_t>(c.record.metrics[i / layered.points])]) +
                           " of rule " + std::to_string(rule) + " at " + std::to_string(i % layered.points));
        }
      }
    }
  }
}

TEST(Layered, NumbersOfTheOnlyLayerAreTheAlignments) {
  DeepCase c(1, Activations::index_of<Tanh>(), Rules::index_of<FeedbackAlignment>(), 50);
  c.data.outputs = 3;
  c.add_layer_metrics();
  c.record.metrics.insert(
      std::lower_bound(c.record.metrics.begin(), c.record.metrics.end(), Metrics::index_of<FeedbackNormRatioMetric>()),
      Metrics::index_of<FeedbackNormRatioMetric>());
  const RunRecord record = train(c);
  for (const std::size_t point : {std::size_t{0}, std::size_t{50}}) {
    EXPECT_NEAR(layer_value<LayerWeightAlignmentMetric>(c, record, 0, point), value_at<AlignmentMetric>(record, point),
                1e-12);
    EXPECT_NEAR(layer_value<LayerSignalAlignmentMetric>(c, record, 0, point),
                value_at<SignalAlignmentMetric>(record, point), 1e-12);
    EXPECT_NEAR(layer_value<LayerGradientAlignmentMetric>(c, record, 0, point),
                value_at<GradientAlignmentMetric>(record, point), 1e-12);
    EXPECT_NEAR(layer_value<LayerFeedbackNormRatioMetric>(c, record, 0, point),
                layer_value<FeedbackNormRatioMetric>(c, record, 0, point), 1e-12);
  }
}

TEST(Layered, KolenPollacksDifferencesDecayInEveryLayer) {
  DeepCase c(3, Activations::index_of<Tanh>(), Rules::index_of<KolenPollack>(), 400);
  c.training.decay = Decay::all;
  c.run.ridge = 0.5;
  c.add_layer_metrics();
  const RunRecord record = train(c);
  const double factor = std::pow(1 - c.run.step_size * c.run.ridge, 400);
  const Problem problem = c.problem();
  PlainLayers moved(problem, c.data, c.training, c.run);
  const PlainLayers start = moved;
  for (int t = 0; t < 400; ++t) {
    moved.advance(t);
  }
  for (std::size_t l = 0; l < 2; ++l) {
    for (std::size_t i = 0; i < moved.back[l].numbers.size(); i += 7) {
      const double before = start.now.w[l + 1].numbers[i] - start.back[l].numbers[i];
      EXPECT_NEAR(moved.now.w[l + 1].numbers[i] - moved.back[l].numbers[i], factor * before, 1e-12);
    }
  }
  for (std::size_t l = 0; l < 2; ++l) {
    EXPECT_NEAR(layer_value<LayerWeightAlignmentMetric>(c, record, static_cast<int>(l), 400),
                cosine_of(moved.now.w[l + 1].numbers, moved.back[l].numbers), 1e-10);
  }
}

TEST(Layered, GoesOnWithTheSameBits) {
  for (const int rule : rules_of(Solver::layered)) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      DeepCase c(3, Activations::index_of<Gelu>(), rule, 60);
      c.elaborate();
      c.training.dropout = 0.25;
      c.training.precision = precision;
      c.training.optimizer = AdamOptimizer{{0.9, 0.99}};
      c.add_layer_metrics();
      const RunRecord whole = train(c);
      ASSERT_EQ(whole.status, RunStatus::done);
      for (const int saves : {1, 4, 31}) {
        MemoryCheckpoints checkpoints(c.cancelled);
        checkpoints.saves = saves;
        ASSERT_EQ(train(c, &checkpoints).status, RunStatus::cancelled);
        c.cancelled = false;
        checkpoints.saves = std::numeric_limits<int>::max();

        const RunRecord resumed = train(c, &checkpoints);

        EXPECT_TRUE(are_same_bits(resumed.trajectory, whole.trajectory)) << "rule " << rule << " after " << saves;
        EXPECT_TRUE(are_same_bits(resumed.final_values, whole.final_values));
        EXPECT_THAT(checkpoints.told.back(), HasSubstr("continues at step"));
      }
    }
  }
}

TEST(Layered, SeesThatARunDiverges) {
  DeepCase c(3, Activations::index_of<Relu>(), Rules::index_of<Backprop>(), 1000);
  c.run.step_size = 1e6;
  EXPECT_EQ(train(c).status, RunStatus::diverged);
}

TEST(Layered, IsAskedForDepthAndForLayersAlone) {
  TrainingSettings deep;
  deep.depth = 2;
  const RunSpec run{0, 200, 0, Activations::index_of<Relu>(), 0, 0};
  EXPECT_EQ(choose_solver(Solver::automatic, {}, deep, run), Solver::layered);
  EXPECT_NE(choose_solver(Solver::automatic, {}, {}, run), Solver::layered);
  EXPECT_EQ(choose_solver(Solver::automatic, {}, {}, run, sees_snapshot | sees_layers), Solver::layered);
  for (const Solver other : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    try {
      static_cast<void>(choose_solver(other, {}, deep, run));
      ADD_FAILURE() << name_of(other);
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("it does not honour grid.depth; it is exact for "));
      EXPECT_THAT(error.what(), HasSubstr("one hidden layer"));
      EXPECT_THAT(error.what(), HasSubstr("choose layered or auto"));
    }
  }
  try {
    static_cast<void>(choose_solver(Solver::weight_space, {}, {}, run, sees_snapshot | sees_layers));
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("it does not show every hidden layer"));
    EXPECT_THAT(error.what(), HasSubstr("choose layered or auto"));
  }
}

}  // namespace
}  // namespace fasweep
