#include "train/train_loop.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/observation.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"

namespace fasweep {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A run whose loss is one at every step; a step takes `step_time`.
struct ConstantState final : NetworkReader {
  explicit ConstantState(std::chrono::milliseconds time = {}, std::vector<double>* sizes = nullptr)
      : step_time(time), step_sizes(sizes) {}

  std::chrono::milliseconds step_time;
  std::vector<double>* step_sizes;  // of all steps, if it is there

  [[nodiscard]] double loss() const { return 1; }
  [[nodiscard]] double decayed_square() const { return 0; }
  [[nodiscard]] Observation observe() { return {}; }
  void advance(double step_size, double /*ridge*/) {
    std::this_thread::sleep_for(step_time);
    if (step_sizes != nullptr) {
      step_sizes->push_back(step_size);
    }
  }
  void save(ByteWriter& /*out*/) const {}
  void restore(ByteReader& /*in*/, const SavedAt& /*at*/) {}
  void read_output_weight(int /*first*/, std::span<double> beta) const override { std::ranges::fill(beta, 2.0); }
  void read_feedback(int /*first*/, std::span<double> b) const override { std::ranges::fill(b, 3.0); }
  void read_pre_activation(int /*first*/, std::span<double> z) const override { std::ranges::fill(z, 1.0); }
  void read_hidden_change(int /*first*/, std::span<double> change) const override { std::ranges::fill(change, 0.0); }
};

/// What it was told.
class Told final : public ProgressListener {
 public:
  void reached(std::int64_t run, double share, double restored) override {
    runs.push_back(run);
    shares.push_back(share);
    restored_shares.push_back(restored);
  }

  std::vector<std::int64_t> runs;
  std::vector<double> shares;
  std::vector<double> restored_shares;
};

/// Saves at every look at the clock, and cancels after `saves` of them.
class FewSaves final : public Checkpoints {
 public:
  FewSaves(std::atomic<bool>& cancelled, int saves) : cancelled_(cancelled), saves_(saves) {}

  [[nodiscard]] double interval_s() const override { return 0; }
  [[nodiscard]] std::optional<Bytes> load(std::int64_t /*run*/, Solver /*solver*/) override { return saved; }
  void save(std::int64_t /*run*/, Solver /*solver*/, std::span<const std::byte> state) override {
    saved = Bytes(state.begin(), state.end());
    cancelled_ = --saves_ == 0;
  }
  void tell(const std::string& text) override { told.push_back(text); }

  std::optional<Bytes> saved;
  std::vector<std::string> told;

 private:
  std::atomic<bool>& cancelled_;
  int saves_;
};

class TrainLoop : public ::testing::Test {
 protected:
  TrainLoop() { training_.max_steps = 100; }

  RunRecord train(ConstantState state, Checkpoints* checkpoints = nullptr) {
    const TrainingRequest request{problem_,   data_,       training_, record_, {&run_, 1}, Solver::weight_space,
                                  cancelled_, checkpoints, &listener_};
    return train_run([&] { return state; }, run_, request, Solver::weight_space);
  }

  Problem problem_;
  DataSettings data_;
  TrainingSettings training_;
  RecordSettings record_;
  RunSpec run_{.run = 5, .step_size = 0.01};
  std::atomic<bool> cancelled_ = false;
  Told listener_;
};

TEST_F(TrainLoop, TellsOfShortRunsOnceTheyAreOver) {
  EXPECT_EQ(train(ConstantState()).steps, 100);
  EXPECT_THAT(listener_.runs, ElementsAre(5));
  EXPECT_THAT(listener_.shares, ElementsAre(1));
  EXPECT_THAT(listener_.restored_shares, ElementsAre(0));
}

TEST_F(TrainLoop, TellsNowAndThenHowFarALongRunIs) {
  static_cast<void>(train(ConstantState(std::chrono::milliseconds(10))));
  ASSERT_GT(listener_.shares.size(), 2U);
  EXPECT_LE(listener_.shares.size(), 100U);
  EXPECT_TRUE(std::is_sorted(listener_.shares.begin(), listener_.shares.end()));
  EXPECT_GT(listener_.shares.front(), 0);
  EXPECT_LT(listener_.shares.end()[-2], 1);
  EXPECT_EQ(listener_.shares.back(), 1);
}

TEST_F(TrainLoop, ACancelledRunIsNotOver) {
  cancelled_ = true;
  EXPECT_EQ(train(ConstantState()).status, RunStatus::cancelled);
  EXPECT_THAT(listener_.shares, ElementsAre());
}

TEST_F(TrainLoop, AContinuedRunTellsWhereItStandsAndWhatItWasGiven) {
  FewSaves checkpoints(cancelled_, 40);
  ASSERT_EQ(train(ConstantState(), &checkpoints).steps, 40);  // and saved there
  cancelled_ = false;
  training_.max_steps = 50;

  static_cast<void>(train(ConstantState(), &checkpoints));

  EXPECT_THAT(listener_.shares, ElementsAre(DoubleEq(40.0 / 50), 1));
  EXPECT_THAT(listener_.restored_shares, ElementsAre(DoubleEq(40.0 / 50), DoubleEq(40.0 / 50)));
}

TEST_F(TrainLoop, ACheckpointOfAnotherLayoutStartsTheRunOver) {
  FewSaves checkpoints(cancelled_, 40);
  const RunRecord whole = train(ConstantState());
  ASSERT_EQ(train(ConstantState(), &checkpoints).steps, 40);
  Bytes& saved = *checkpoints.saved;
  for (const bool is_older : {false, true}) {
    cancelled_ = false;
    if (is_older) {
      saved.erase(saved.begin(), saved.begin() + sizeof checkpoint_layout);  // version 0.1 wrote none
    } else {
      saved[0] ^= std::byte{1};
    }

    const RunRecord record = train(ConstantState(), &checkpoints);

    EXPECT_EQ(record.steps, 100);
    EXPECT_EQ(record.points, whole.points);
    EXPECT_THAT(checkpoints.told.back(), HasSubstr("starts over: its checkpoint has another layout"));
  }
}

TEST(CheckpointLayout, ChangesWithTheStructAndItsVersion) {
  struct One {
    double a;
  };
  struct Two {
    double a;
    double b;
  };
  EXPECT_NE(layout_of<One>(1), layout_of<Two>(1));
  EXPECT_NE(layout_of<One>(1), layout_of<One>(2));
}

TEST_F(TrainLoop, StepSizeFollowsItsSchedule) {
  training_.step_schedule = MultistepSchedule{{0.5, 30, 60}};
  std::vector<double> step_sizes;
  ConstantState state;
  state.step_sizes = &step_sizes;

  static_cast<void>(train(state));

  ASSERT_EQ(step_sizes.size(), 100U);
  EXPECT_EQ(step_sizes[29], 0.01);
  EXPECT_EQ(step_sizes[30], 0.005);
  EXPECT_EQ(step_sizes[60], 0.0025);
}

TEST_F(TrainLoop, WhatARunThatStopsEarlyWasGivenIsAShareOfItsSteps) {
  FewSaves checkpoints(cancelled_, 40);
  training_.stop = PlateauStop{{1e-3, 52}};
  ASSERT_EQ(train(ConstantState(), &checkpoints).steps, 40);
  cancelled_ = false;

  EXPECT_EQ(train(ConstantState(), &checkpoints).reason, StopReason::plateau);

  EXPECT_THAT(listener_.restored_shares, ElementsAre(DoubleEq(0.4), DoubleEq(40.0 / 52)));
}

}  // namespace
}  // namespace fasweep
