#include "backend/cuda/device_plan.hpp"

#include <gtest/gtest.h>

#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/sample_space_arguments.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"

namespace fasweep {
namespace {

TEST(DevicePlan, RanksOfANodeShareItsDevicesInTurn) {
  struct Row {
    int local_rank, local_ranks, devices;
    std::vector<int> expected;
  };
  const std::vector<Row> table{
      {0, 1, 0, {}},     {3, 4, 0, {}},                                               // no device
      {0, 1, 1, {0}},    {0, 1, 4, {0, 1, 2, 3}},                                     // alone on the node: all of them
      {0, 2, 4, {0, 2}}, {1, 2, 4, {1, 3}},       {0, 3, 4, {0, 3}}, {2, 3, 4, {2}},  // more devices than ranks
      {3, 4, 4, {3}},    {5, 8, 4, {1}},          {7, 8, 1, {0}},  // as many ranks, or more; or one visible device each
  };
  for (const Row& row : table) {
    EXPECT_EQ(choose_devices(row.local_rank, row.local_ranks, row.devices), row.expected)
        << row.local_rank << " of " << row.local_ranks << ", " << row.devices << " devices";
  }
}

TEST(DevicePlan, RunsFillNineTenthsOfTheMemory) {
  const BatchShape shape{50, 50, 3200};
  const std::size_t five = batch_bytes(shape, 5, 5);
  EXPECT_EQ(runs_that_fit(five * 10 / 9 + 100, shape, 8), 5);
  EXPECT_EQ(runs_that_fit(five, shape, 8), 4);
  EXPECT_EQ(runs_that_fit(five * 100, shape, 8), 8);
  EXPECT_EQ(runs_that_fit(1000, shape, 8), 0);
}

TEST(DevicePlan, RunsThatFillADeviceAreResidentAndOneMoreWouldNotBe) {
  for (const int width : {1, 64, 200, 3200, 12800}) {
    for (const int resident : {1, 31, 480, 792}) {
      const int runs = runs_to_fill(resident, width);
      EXPECT_TRUE(runs == 1 || runs * cut_width(width).blocks <= resident) << width;
      EXPECT_GT((runs + 1) * cut_width(width).blocks, resident) << width;
    }
  }
}

constexpr DeviceLimits roomy{100 * 1024, true};

TEST(DevicePlan, SampleSpaceTakesWhatItsKernelsCanTrain) {
  const DataSettings data;
  const RunSpec relu{0, 100, 0.1, Activations::index_of<Relu>(), 0, 0};
  const RunSpec linear{0, 12800, 0.1, Activations::index_of<Linear>(), 0, 0};
  EXPECT_EQ(choose_device_solver(data, {}, Solver::automatic, relu, roomy), Solver::sample_space);
  EXPECT_EQ(choose_device_solver(data, {}, Solver::sample_space, linear, roomy), Solver::sample_space);
  EXPECT_EQ(choose_device_solver(data, {}, Solver::automatic, linear, roomy), Solver::automatic)
      << "reduced-linear is cheaper on a core";
  EXPECT_EQ(choose_device_solver(data, {}, Solver::automatic, relu, {20 * 1024, false}), Solver::automatic)
      << "K M needs more shared memory";
  DataSettings many = data;
  many.samples = max_rows;
  EXPECT_EQ(choose_device_solver(many, {}, Solver::sample_space, relu, roomy), Solver::sample_space);
  many.test_samples = 1;
  EXPECT_EQ(choose_device_solver(many, {}, Solver::sample_space, relu, roomy), Solver::automatic);
}

TEST(DevicePlan, WeightSpaceTakesTheRestWhereThereAreProducts) {
  const RunSpec relu{0, 100, 0.1, Activations::index_of<Relu>(), 0, 0};
  DataSettings many;
  many.samples = max_rows + 1;
  EXPECT_EQ(choose_device_solver(many, {}, Solver::automatic, relu, roomy), Solver::weight_space);
  EXPECT_EQ(choose_device_solver({}, {}, Solver::automatic, relu, {20 * 1024, true}), Solver::weight_space);
  EXPECT_EQ(choose_device_solver({}, {}, Solver::weight_space, relu, roomy), Solver::weight_space);
  EXPECT_EQ(choose_device_solver({}, {}, Solver::weight_space, relu, {100 * 1024, false}), Solver::automatic);
  EXPECT_EQ(choose_device_solver({}, {}, Solver::reduced_linear, relu, roomy), Solver::automatic);
  TrainingSettings falling;
  falling.step_schedule = CutoffSchedule{{10}};
  EXPECT_EQ(choose_device_solver(many, falling, Solver::automatic, relu, roomy), Solver::automatic)
      << "eta is one number a run there";
  TrainingSettings twice;
  twice.precision = Precision::float64;
  EXPECT_EQ(choose_device_solver(many, twice, Solver::automatic, relu, roomy), Solver::automatic);
}

TEST(DevicePlan, SampleSpaceLeavesOtherTrainingsAlone) {
  const RunSpec run{0, 100, 0.1, Activations::index_of<Relu>(), 0, 0};
  const auto suits = [&](auto change) {
    DataSettings data;
    TrainingSettings training;
    change(data, training);
    return choose_device_solver(data, training, Solver::sample_space, run, roomy) == Solver::sample_space;
  };
  EXPECT_TRUE(suits([](DataSettings&, TrainingSettings&) {}));
  EXPECT_FALSE(suits([](DataSettings& d, TrainingSettings&) { d.outputs = 2; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.precision = Precision::float64; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.loss = LossFunction::cross_entropy; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.reduction = Reduction::mean; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.batch_size = 10; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.dropout = 0.5; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.output_scale = OutputScale::one; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.biases = true; }));
  EXPECT_FALSE(suits([](DataSettings&, TrainingSettings& t) { t.decay = Decay::all; }));
}

TEST(DevicePlan, LeavesOutputsThatDoNotDecayToTheCpu) {
  const RunSpec run{0, 200, 0, Activations::index_of<Relu>(), 0, 0};
  const auto solver_of = [&](Decay decay) {
    TrainingSettings training;
    training.decay = decay;
    return choose_device_solver({}, training, Solver::weight_space, run, roomy);
  };
  EXPECT_EQ(solver_of(Decay::all), Solver::weight_space);
  EXPECT_EQ(solver_of({0b11}), Solver::weight_space);
  EXPECT_EQ(solver_of({0b10}), Solver::automatic);
}

TEST(DevicePlan, RichNetworksAreTakenWhereTheirInitialStateSaysAll) {
  TrainingSettings rich;
  rich.richness = 1;
  const auto chosen = [&](int rule) {
    return choose_device_solver({}, rich, Solver::automatic, {0, 100, 0.1, Activations::index_of<Relu>(), rule, 0},
                                roomy);
  };
  EXPECT_EQ(chosen(Rules::index_of<FeedbackAlignment>()), Solver::sample_space);
  EXPECT_EQ(chosen(Rules::index_of<Backprop>()), Solver::automatic) << "W has another step size there";
}

TEST(DevicePlan, SeveralHiddenLayersAreLeftToTheCpu) {
  TrainingSettings deep;
  deep.depth = 2;
  for (const Solver wanted : {Solver::automatic, Solver::layered}) {
    EXPECT_EQ(choose_device_solver({}, deep, wanted, {0, 100, 0.1, Activations::index_of<Relu>(), 0, 0}, roomy),
              Solver::automatic);
  }
  EXPECT_EQ(why_left_to_cpu({Metrics::index_of<LayerEffectiveRankMetric>()}),
            "metric layer_effective_rank looks at every hidden layer, which only the CPU's layered solver shows");
}

TEST(DevicePlan, MetricsThatSeeEveryStepAreLeftToTheCpu) {
  EXPECT_EQ(why_left_to_cpu({Metrics::index_of<LossMetric>(), Metrics::index_of<KernelEigenvaluesMetric>()}), "");
  EXPECT_EQ(why_left_to_cpu({Metrics::index_of<LossMetric>(), Metrics::index_of<AlignmentTermsMetric>()}),
            "metric alignment_terms sees every step, which only the CPU's solvers show");
}

TEST(DevicePlan, EveryTileIsInOneBlockAndBlocksAreFew) {
  for (const int width : {1, 64, 65, 2048, 2049, 12800, 100000}) {
    const BlockCut cut = cut_width(width);
    EXPECT_LE(cut.blocks, max_blocks_a_run);
    EXPECT_GE(cut.blocks * cut.tiles_a_block * tile_units, width);
    EXPECT_LT((cut.blocks - 1) * cut.tiles_a_block * tile_units, width) << "no block is empty";
  }
}

TEST(DeviceSolver, LeavesToTheCpuWhatItsKernelsDoNotFollow) {
  const DeviceLimits limits{100 * 1024, true};
  const auto choose = [&](int activation, int rule, const TrainingSettings& training) {
    return choose_device_solver({}, training, Solver::automatic, {0, 100, 0.1, activation, rule, 0}, limits);
  };
  const int relu = Activations::index_of<Relu>();
  const int backprop = Rules::index_of<Backprop>();
  ASSERT_EQ(choose(relu, backprop, {}), Solver::sample_space);
  EXPECT_EQ(choose(relu, Rules::index_of<KolenPollack>(), {}), Solver::automatic);
  EXPECT_EQ(choose(relu, Rules::index_of<DirectRandomTargetProjection>(), {}), Solver::automatic);
  EXPECT_EQ(choose(relu, Rules::index_of<RedrawnSignSymmetry>(), {}), Solver::automatic);
  EXPECT_EQ(choose(relu, Rules::index_of<FixedSignSymmetry>(), {}), Solver::sample_space);
  TrainingSettings training;
  training.step_schedule = ExponentialSchedule{{0.9}};
  EXPECT_EQ(choose(relu, backprop, training), Solver::automatic);
  training = {};
  training.feedback_correlation = 0.5;
  EXPECT_EQ(choose(relu, backprop, training), Solver::sample_space) << "the problem brings it along";
  training = {};
  training.dropout = 0.5;
  EXPECT_EQ(choose(relu, backprop, training), Solver::weight_space);
  EXPECT_EQ(choose(Activations::index_of<Gelu>(), backprop, {}), Solver::sample_space);
  EXPECT_EQ(choose(Activations::index_of<Gelu>(), backprop, training), Solver::automatic);
  EXPECT_TRUE(device_takes_rule(backprop));
}

}  // namespace
}  // namespace fasweep
