#include "model/solver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

TEST(Solver, WeightSpaceTakesEveryRunOfErrors) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    for (int rule = 0; rule < Rules::size; ++rule) {
      const RunSpec run{0, 200, 0, activation, rule, 0};
      ASSERT_EQ(accepts(Solver::weight_space, {}, {}, run), !propagates_targets(rule));
      if (!propagates_targets(rule)) {
        EXPECT_EQ(choose_solver(Solver::weight_space, {}, {}, run), Solver::weight_space);
      }
    }
  }
}

TEST(Solver, LayeredAloneTakesRulesThatPropagateTargets) {
  for (const int rule :
       {Rules::index_of<DifferenceTargetPropagation>(), Rules::index_of<SimplifiedDifferenceTargetPropagation>()}) {
    const RunSpec run{0, 200, 0, Activations::index_of<Linear>(), rule, 0};
    EXPECT_EQ(choose_solver(Solver::automatic, {}, {}, run), Solver::layered);
    for (const Solver other : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
      try {
        static_cast<void>(choose_solver(other, {}, {}, run));
        ADD_FAILURE() << name_of(other);
      } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), ::testing::HasSubstr("choose layered or auto"));
      }
    }
  }
}

TEST(Solver, AutomaticChoiceIsASolverThatAcceptsTheRun) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    const RunSpec run{0, 200, 0, activation, 0, 0};
    const Solver solver = choose_solver(Solver::automatic, {}, {}, run);
    EXPECT_NE(solver, Solver::automatic);
    EXPECT_TRUE(accepts(solver, {}, {}, run));
  }
}

TEST(Solver, OnlyWeightSpaceTakesWhatIsNotThePapersSetting) {
  const RunSpec run{0, 200, 0, Activations::index_of<Linear>(), 0, 0};
  const auto expect_only_weight_space = [&](const DataSettings& data, const TrainingSettings& training) {
    EXPECT_TRUE(accepts(Solver::weight_space, data, training, run));
    EXPECT_FALSE(accepts(Solver::sample_space, data, training, run));
    EXPECT_FALSE(accepts(Solver::reduced_linear, data, training, run));
    EXPECT_EQ(choose_solver(Solver::automatic, data, training, run), Solver::weight_space);
  };
  ASSERT_TRUE(accepts(Solver::reduced_linear, {}, {}, run));
  const auto with_data = [&](auto change) {
    DataSettings data;
    change(data);
    expect_only_weight_space(data, {});
  };
  const auto with_training = [&](auto change) {
    TrainingSettings training;
    change(training);
    expect_only_weight_space({}, training);
  };
  with_data([](DataSettings& d) { d.outputs = 2; });
  with_data([](DataSettings& d) { d.targets = Targets::classes; });
  with_data([](DataSettings& d) { d.sampling = Sampling::fresh; });
  with_training([](TrainingSettings& t) { t.loss = LossFunction::cross_entropy; });
  with_training([](TrainingSettings& t) { t.reduction = Reduction::mean; });
  with_training([](TrainingSettings& t) { t.batch_size = 7; });
  with_training([](TrainingSettings& t) { t.dropout = 0.1; });
  with_training([](TrainingSettings& t) { t.biases = true; });
  with_training([](TrainingSettings& t) { t.decay = Decay::all; });
  with_training([](TrainingSettings& t) { t.output_scale = OutputScale::one; });
  with_training([](TrainingSettings& t) { t.output_step_factor = 0.5; });
}

TEST(Solver, RefusesFreshSamplesByName) {
  DataSettings data;
  data.sampling = Sampling::fresh;
  TrainingSettings training;
  training.batch_size = 1;
  for (const Solver solver : {Solver::sample_space, Solver::reduced_linear}) {
    try {
      static_cast<void>(choose_solver(solver, data, training, {0, 200, 0, 0, 0, 0}));
      FAIL() << name_of(solver) << " took fresh samples";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), ::testing::HasSubstr("it does not honour data.samples, training.batch-size"));
    }
  }
}

TEST(Solver, DrawingSamplesTakesWorkOfItsOwn) {
  DataSettings data;
  TrainingSettings training;
  training.batch_size = 1;
  const RunSpec run{0, 20, 0, Activations::index_of<Linear>(), 0, 0};
  const double fixed = step_cost(Solver::weight_space, data, training, run);
  data.sampling = Sampling::fresh;
  EXPECT_GT(step_cost(Solver::weight_space, data, training, run), fixed + 60 * data.inputs);
}

TEST(Solver, DepthCostsWhatItsProductsTake) {
  TrainingSettings training;
  training.batch_size = 20;
  const RunSpec run{0, 400, 0, Activations::index_of<Relu>(), 0, 0};
  const double one = step_cost(Solver::layered, {}, training, run);
  EXPECT_EQ(one, step_cost(Solver::weight_space, {}, training, run)) << "so that automatic stays with weight-space";
  training.depth = 3;
  const double products = 2 * 3 * 20.0 * 400 * 400;  // two layers, three products
  EXPECT_GT(step_cost(Solver::layered, {}, training, run), one + products);
  EXPECT_LT(step_cost(Solver::layered, {}, training, run), one + 3 * products);
}

TEST(Solver, HonoursNoKeyThatItDoesNotName) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered}) {
    EXPECT_FALSE(honoured_keys(solver).contains("training.momentum")) << name_of(solver);
    EXPECT_TRUE(honoured_keys(solver).contains("training.schedule")) << name_of(solver);
  }
}

TEST(Solver, ReducedLinearRefusesRulesThatLearnFeedbackOrThatTheTargetTeaches) {
  const auto run = [](int rule) { return RunSpec{0, 200, 0, Activations::index_of<Linear>(), rule, 0}; };
  EXPECT_TRUE(accepts(Solver::reduced_linear, {}, {}, run(Rules::index_of<Backprop>())));
  EXPECT_FALSE(accepts(Solver::reduced_linear, {}, {}, run(Rules::index_of<KolenPollack>())));
  EXPECT_FALSE(accepts(Solver::reduced_linear, {}, {}, run(Rules::index_of<DirectRandomTargetProjection>())));
}

TEST(Solver, OfWeightsAloneRedrawsOrMirrorsFeedbackAndLooksAtActivity) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    for (const int rule :
         {Rules::index_of<RedrawnSignSymmetry>(), Rules::index_of<ErrorModulatedHebb>(), Rules::index_of<Oja>(),
          Rules::index_of<SejnowskiTesauro>(), Rules::index_of<HebbianFeedback>(), Rules::index_of<WeightMirror>()}) {
      const RunSpec run{0, 200, 0, activation, rule, 0};
      EXPECT_EQ(choose_solver(Solver::automatic, {}, {}, run), Solver::weight_space);
      EXPECT_FALSE(accepts(Solver::sample_space, {}, {}, run));
      EXPECT_FALSE(accepts(Solver::reduced_linear, {}, {}, run));
    }
  }
}

TEST(Solver, RefusalNamesTheKeys) {
  TrainingSettings training;
  training.dropout = 0.1;
  training.biases = true;
  try {
    static_cast<void>(choose_solver(Solver::sample_space, {}, training, {0, 200, 0, 0, 0, 0}));
    FAIL() << "sample-space took dropout";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("training.dropout, training.biases"));
  }
}

TEST(ChangedSettings, AreThoseAwayFromTheirDefaults) {
  EXPECT_TRUE(changed_settings({}, {}).empty());
  DataSettings data;
  data.test_samples = 3;
  TrainingSettings training;
  training.batch_size = data.samples;  // all of them
  EXPECT_THAT(changed_settings(data, training).names(), ::testing::ElementsAre("data.test-n"));
  training.batch_size = 7;
  training.step_schedule = ExponentialSchedule{{0.9}};
  EXPECT_THAT(changed_settings(data, training).names(),
              ::testing::ElementsAre("data.test-n", "training.batch-size", "training.step-schedule"));
}

TEST(KeySets, HoldWhatWasPutIn) {
  constexpr KeySet some{"data.n", "training.loss"};
  EXPECT_TRUE(some.contains("data.n"));
  EXPECT_FALSE(some.contains("data.d"));
  EXPECT_FALSE(some.contains("training.momentum"));
  EXPECT_THAT(some.without(KeySet{"data.n"}).names(), ::testing::ElementsAre("training.loss"));
}

TEST(Solver, MinibatchesCostWhatABatchCosts) {
  DataSettings data;
  data.samples = 1000;
  const RunSpec run{0, 200, 0, 1, 0, 0};
  TrainingSettings training;
  const double full = step_cost(Solver::weight_space, data, training, run);
  training.batch_size = 100;
  EXPECT_DOUBLE_EQ(step_cost(Solver::weight_space, data, training, run), full / 10);
}

TEST(Solver, InputsKnownToBeMostlyZerosCostLess) {
  DataSettings data;
  data.inputs = 784;
  const RunSpec run{0, 1000, 0, Activations::index_of<Relu>(), 0, 0};
  const double dense = step_cost(Solver::weight_space, data, {}, run);
  data.source = DataSource::mnist;
  EXPECT_LT(step_cost(Solver::weight_space, data, {}, run), dense / 2);
}

TEST(Solver, RefusalNamesTheSolversThatCan) {
  const int tanh = Activations::index_of<Tanh>();
  try {
    static_cast<void>(choose_solver(Solver::reduced_linear, {}, {}, {0, 200, 0, tanh, 0, 0}));
    FAIL() << "reduced-linear took tanh";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("weight-space"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("tanh"));
  }
}

TEST(MemoryCost, IsThatOfMetricsThatSeeEveryStep) {
  const RunSpec run{0, 1000, 0, Activations::index_of<Relu>(), 0, 0};
  const auto cost = [&](int metric) { return memory_cost(Solver::sample_space, {}, {}, {metric}, run); };
  EXPECT_EQ(cost(Metrics::index_of<KernelEigenvaluesMetric>()), 0);
  EXPECT_GT(cost(Metrics::index_of<LazyDeviationMetric>()), 0);
  // The network is read, and a product as large as a step's is taken.
  EXPECT_GT(cost(Metrics::index_of<AlignmentTermsMetric>()), 6.0 * 50 * 50 * 1000);
}

TEST(EvaluationCost, CountsTheSamplesThatNoStepSees) {
  DataSettings data;
  data.samples = 6000;
  data.test_samples = 1000;
  const RunSpec run{0, 100, 0.1, Activations::index_of<Relu>(), 0, 0};
  TrainingSettings minibatches;
  minibatches.batch_size = 60;
  const auto cost = [&](const TrainingSettings& training, unsigned traits) {
    return evaluation_cost(Solver::weight_space, data, training, traits, run);
  };
  const double test = cost(minibatches, sees_test_set);
  EXPECT_GT(test, 0);
  EXPECT_DOUBLE_EQ(cost(minibatches, sees_training_set | sees_test_set), 7 * test);
  EXPECT_DOUBLE_EQ(cost({}, sees_training_set | sees_test_set), test) << "a full batch is the training set";
  EXPECT_EQ(cost(minibatches, plain), 0);
  EXPECT_EQ(evaluation_cost(Solver::sample_space, data, {}, sees_test_set, run), 0) << "test samples are rows there";
  EXPECT_NEAR(cost(minibatches, sees_training_set), 50 * step_cost(Solver::weight_space, data, minibatches, run),
              1e-9 * test)
      << "an epoch forwards is half an epoch";
}

TEST(Solver, SnapshotsCostWhatTheirMetricsTakeAndNothingWithoutThem) {
  const RunSpec narrow{.width = 1000};
  const RunSpec wide{.width = 2000};
  const std::vector<int> sums{Metrics::index_of<LossMetric>(), Metrics::index_of<GradientAlignmentMetric>()};
  const std::vector<int> ratio{Metrics::index_of<LossMetric>(), Metrics::index_of<FeedbackNormRatioMetric>()};
  const std::vector<int> spectrum{Metrics::index_of<KernelEigenvaluesMetric>()};
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    EXPECT_EQ(snapshot_cost(solver, {}, {}, sums, narrow), 0);
    EXPECT_EQ(snapshot_cost(solver, {}, {}, ratio, narrow), 2 * FeedbackNormRatioMetric::cost({50, 0, 150, 1, 1000}));
    EXPECT_GT(snapshot_cost(solver, {}, {}, spectrum, wide), 1.5 * snapshot_cost(solver, {}, {}, spectrum, narrow));
  }
  EXPECT_GT(snapshot_cost(Solver::weight_space, {}, {}, spectrum, wide),
            snapshot_cost(Solver::sample_space, {}, {}, spectrum, wide));
}

}  // namespace
}  // namespace fasweep
