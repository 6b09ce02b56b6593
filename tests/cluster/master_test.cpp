#include "cluster/master.hpp"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/sweep_case.hpp"

namespace fasweep {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_plan;
using testing::make_record;
using testing::MemorySink;

/// A master with agents played by the test.
class MasterTest : public ::testing::Test {
 protected:
  explicit MasterTest(int ranks = 2) {
    options_.warn = [this](const std::string& text) { warnings_.push_back(text); };
    options_.lost_after_s = 30;
    make_master(ranks);
  }

  void make_master(int ranks) {
    master_ = std::make_unique<Master>(
        plan_, sink_, options_, ranks, [this](int to, const WireMessage& message) { sent_.emplace_back(to, message); },
        0);
  }

  void greet(int rank, int workers = 1) { master_->handle(rank, Hello{plan_.hash(), workers, "test"}, 0); }

  void greet_with_device(int rank, int workers, double device_rate) {
    master_->handle(rank, Hello{plan_.hash(), workers, "test", {}, 1, device_rate}, 0);
  }

  /// Batches sent to `rank` since the last call.
  std::vector<Assign> take_assigned(int rank) {
    std::vector<Assign> assigned;
    std::erase_if(sent_, [&](const auto& entry) {
      const auto* assign = std::get_if<Assign>(&entry.second);
      if (assign != nullptr && entry.first == rank) {
        assigned.push_back(*assign);
      }
      return assign != nullptr && entry.first == rank;
    });
    return assigned;
  }

  /// The result of a batch with every run recorded, by `change` if given.
  Result finish(const Assign& batch, const std::function<void(RunRecord&)>& change = {}) {
    Result result{.batch = batch.batch, .seconds = 0.1, .workers_left = 1};
    ByteWriter out;
    for (const RunRange& range : batch.ranges) {
      for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
        RunRecord record = make_record(plan_.at(run), plan_.settings(run).record);
        if (change) {
          change(record);
        }
        encode(record, out);
        ++result.count;
      }
    }
    result.records = out.take();
    return result;
  }

  bool was_told(int rank, std::size_t type) const {
    return std::any_of(sent_.begin(), sent_.end(),
                       [&](const auto& entry) { return entry.first == rank && entry.second.index() == type; });
  }

  Plan plan_ = make_plan();
  MemorySink sink_;
  MasterOptions options_;
  std::vector<std::string> warnings_;
  std::vector<std::pair<int, WireMessage>> sent_;
  std::unique_ptr<Master> master_;
};

const std::size_t drain_type = WireMessage(Drain{}).index();
const std::size_t stop_type = WireMessage(Stop{}).index();

TEST_F(MasterTest, HandsOutEveryRunAndFinishes) {
  greet(0);
  greet(1, 2);
  std::int64_t guard = 0;
  while (!master_->finished() && guard++ < 1000) {
    master_->tick(1);
    for (const int rank : {0, 1}) {
      for (const Assign& batch : take_assigned(rank)) {
        master_->handle(rank, finish(batch), 1);
      }
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(sink_.records.size()), plan_.size());
  EXPECT_EQ(sink_.added, plan_.size());
  EXPECT_EQ(master_->progress(1).done, plan_.size());
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(MasterTest, PuttingRunsInOrderIsToldAndCanBeEnded) {
  const Plan large = make_plan({{"grid.seed", "0..49999"}});
  std::vector<std::int64_t> told;
  options_.on_queue = [&](std::int64_t runs) { told.push_back(runs); };
  const Master whole(
      large, sink_, options_, 1, [](int, const WireMessage&) {}, 0);
  EXPECT_THAT(told, ::testing::ElementsAre(0, 65536, 131072, 196608, 262144, 327680, 393216));

  struct Stopped {};
  options_.on_queue = [](std::int64_t runs) {
    if (runs > 0) {
      throw Stopped();
    }
  };
  EXPECT_THROW(Master(
                   large, sink_, options_, 1, [](int, const WireMessage&) {}, 0),
               Stopped);
}

TEST_F(MasterTest, WorkIsSharedAndTheLastBatchesAreSingleRuns) {
  greet(0);
  greet(1);
  std::vector<std::int64_t> sizes;
  while (!master_->finished()) {
    master_->tick(1);
    const std::vector<Assign> zero = take_assigned(0);
    const std::vector<Assign> one = take_assigned(1);
    ASSERT_FALSE(zero.empty() && one.empty());
    for (const Assign& batch : zero) {
      sizes.push_back(Batch{batch.ranges, 0}.runs());
      master_->handle(0, finish(batch), 1);
    }
    for (const Assign& batch : one) {
      master_->handle(1, finish(batch), 1);
    }
  }
  EXPECT_EQ(sizes.back(), 1);
}

TEST_F(MasterTest, AGpuBeginsWithABatchThatFillsIt) {
  options_.batch_seconds = 1e-9;  // so little that a core gets one run
  options_.device_batch_seconds = 1;
  make_master(2);
  greet(0);
  greet_with_device(1, 0, 1e30);
  master_->tick(1);
  const std::vector<Assign> core = take_assigned(0);
  const std::vector<Assign> gpu = take_assigned(1);
  ASSERT_FALSE(core.empty() || gpu.empty());
  EXPECT_EQ(Batch({core.front().ranges, 0}).runs(), 1);
  EXPECT_GT(Batch({gpu.front().ranges, 0}).runs(), 10) << "a worker's share of what is left, by predicted cost";
}

TEST_F(MasterTest, LongRunsFillAGpuAllTheSame) {
  options_.device_batch_seconds = 1e-9;
  make_master(2);
  greet_with_device(1, 0, 1);  // at this rate every run is long
  master_->tick(1);
  const std::vector<Assign> gpu = take_assigned(1);
  ASSERT_GE(gpu.size(), 2U);
  double cost = 0;
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    cost = std::max(cost, plan_.run_cost(run));
  }
  for (std::size_t batch = 0; batch < 2; ++batch) {
    double of_batch = 0;
    for (const RunRange& range : gpu[batch].ranges) {
      for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
        of_batch += plan_.run_cost(run);
      }
    }
    EXPECT_GT(of_batch, 10 * cost) << "one for each of its workers";
  }
}

/// Runs of p = 512 are the devices', the others the cores'.
class MixedTest : public MasterTest {
 protected:
  MixedTest() {
    options_.device_takes = [this](std::int64_t run) { return plan_.at(run).width == 512; };
    make_master(2);
  }

  [[nodiscard]] std::set<int> widths(const Assign& batch) const {
    std::set<int> widths;
    for (const RunRange& range : batch.ranges) {
      for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
        widths.insert(plan_.at(run).width);
      }
    }
    return widths;
  }

  /// Trains everything; widths by the crew that trained them.
  std::map<Crew, std::set<int>> train_all() {
    std::map<Crew, std::set<int>> trained;
    for (int guard = 0; !master_->finished() && guard < 1000; ++guard) {
      master_->tick(1);
      for (const int rank : {0, 1}) {
        for (const Assign& batch : take_assigned(rank)) {
          trained[batch.crew].merge(widths(batch));
          Result result = finish(batch);
          result.crew = batch.crew;
          result.workers_left = 2;
          master_->handle(rank, result, 1);
        }
      }
    }
    EXPECT_EQ(sink_.added, plan_.size());
    return trained;
  }
};

TEST_F(MixedTest, DevicesTrainTheirRunsAndCoresTheOthersHoweverFastTheyAre) {
  greet(0, 4);
  greet_with_device(1, 3, 1e12);
  const std::map<Crew, std::set<int>> trained = train_all();
  EXPECT_EQ(trained.at(Crew::devices), std::set<int>{512});
  EXPECT_EQ(trained.at(Crew::cores), (std::set<int>{8, 64}));
}

TEST_F(MixedTest, CoresWaitForADeviceThatMayCome) {
  greet(0, 4);
  master_->tick(1);
  for (const Assign& batch : take_assigned(0)) {
    EXPECT_FALSE(widths(batch).contains(512));
  }
}

TEST_F(MixedTest, DevicesAloneTrainEverything) {
  greet_with_device(0, 0, 1e12);
  greet_with_device(1, 0, 1e12);
  EXPECT_EQ(train_all().at(Crew::devices), (std::set<int>{8, 64, 512}));
}

TEST_F(MixedTest, CoresTakeOverFromADeviceThatIsLost) {
  greet(0, 1);
  greet_with_device(1, 1, 1e12);
  master_->tick(1);
  for (const Assign& batch : take_assigned(1)) {
    if (batch.crew == Crew::devices) {
      master_->handle(1, Result{.batch = batch.batch, .crew = Crew::devices, .workers_left = 0, .resignation = "gone"},
                      1);
    } else {
      master_->handle(1, finish(batch), 1);
    }
  }
  const std::map<Crew, std::set<int>> trained = train_all();
  EXPECT_FALSE(trained.contains(Crew::devices));
  EXPECT_TRUE(trained.at(Crew::cores).contains(512));
}

TEST_F(MixedTest, SaysHowBusyCoresAndDevicesWere) {
  greet(0, 0);
  greet_with_device(1, 2, 1e12);
  master_->tick(1);
  for (const Assign& batch : take_assigned(1)) {
    Result result = finish(batch, [](RunRecord& record) { record.wall_s = 0.25; });
    result.crew = batch.crew;
    result.seconds = batch.crew == Crew::cores ? 0.25 : 1;
    result.workers_left = 2;
    master_->handle(1, result, 1);
  }
  const Progress progress = master_->progress(10);
  EXPECT_GT(progress.busy[0], 0);
  EXPECT_LT(progress.busy[0], 1);
  EXPECT_GT(progress.busy[1], 0);
  master_->note_busy(10);
  EXPECT_THAT(sink_.agents.back(), ::testing::MatchesRegex("rank 1: cores [0-9]+ % busy, GPUs [0-9]+ % busy"));
}

TEST_F(MasterTest, WorkOfASilentAgentIsHandedOutAgain) {
  greet(0);
  greet(1);
  master_->tick(1);
  const std::vector<Assign> lost = take_assigned(1);
  ASSERT_FALSE(lost.empty());
  master_->handle(0, Heartbeat{}, 31);
  master_->tick(31);
  EXPECT_THAT(warnings_, ::testing::ElementsAre(HasSubstr("rank 1 is lost")));
  while (!master_->finished()) {
    master_->tick(31);
    for (const Assign& batch : take_assigned(0)) {
      master_->handle(0, finish(batch), 31);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(sink_.records.size()), plan_.size());
}

TEST_F(MasterTest, WorkOfADeadAgentIsHandedOutAtOnceAndALateResultDoesNotReviveIt) {
  greet(0);
  greet(1);
  master_->tick(1);
  const std::vector<Assign> lost = take_assigned(1);
  ASSERT_FALSE(lost.empty());

  master_->handle_death(1);
  master_->handle_death(1);
  master_->handle(1, finish(lost.front()), 1);

  EXPECT_THAT(warnings_, ::testing::ElementsAre(HasSubstr("rank 1 is lost (it died)")));
  EXPECT_THAT(master_->lost_agents(), ::testing::Not(::testing::IsEmpty()));
  EXPECT_GT(sink_.records.size(), 0U);
  while (!master_->finished()) {
    master_->tick(1);
    EXPECT_THAT(take_assigned(1), IsEmpty());
    for (const Assign& batch : take_assigned(0)) {
      master_->handle(0, finish(batch), 1);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(sink_.records.size()), plan_.size());
}

TEST_F(MasterTest, StopSaysWhetherARankDied) {
  const auto told_dead = [this] { return std::get<Stop>(sent_.back().second).rank_died; };
  greet(0);
  greet(1);
  master_->stop_agents();
  EXPECT_FALSE(told_dead());

  master_->handle(0, Heartbeat{}, 31);
  master_->tick(31);  // rank 1 was silent for too long
  master_->stop_agents();

  EXPECT_TRUE(told_dead());
}

TEST_F(MasterTest, LateResultOfALostAgentCountsAndRevivesIt) {
  greet(0);
  greet(1);
  master_->tick(1);
  const std::vector<Assign> late = take_assigned(1);
  master_->handle(0, Heartbeat{}, 31);
  master_->tick(31);

  master_->handle(1, finish(late.front()), 32);

  EXPECT_TRUE(sink_.has(late.front().ranges.front().first));
  master_->tick(32);
  EXPECT_FALSE(take_assigned(1).empty());
}

TEST_F(MasterTest, RunsThatKeepLosingTheirWorkersAreRecordedAsFailed) {
  greet(0);
  greet(1);
  // Rank 0 never gets room: its two slots stay taken. Rank 1 is lost with its work again and again.
  double now = 1;
  master_->tick(now);
  static_cast<void>(take_assigned(0));
  for (int round = 0; round < 40; ++round) {
    now += 31;
    master_->handle(0, Heartbeat{}, now);
    master_->tick(now);
    master_->handle(1, Heartbeat{}, now);
    master_->tick(now);
  }
  EXPECT_GT(master_->progress(now).failed, 0);
  for (const auto& [run, status] : sink_.statuses) {
    EXPECT_EQ(status, RunStatus::failed);
  }
}

TEST_F(MasterTest, CancelledRunsAndMissingRecordsGoBackToTheQueue) {
  greet(0);
  master_->tick(1);
  std::vector<Assign> batches = take_assigned(0);
  master_->handle(0, finish(batches.front(), [](RunRecord& record) { record.status = RunStatus::cancelled; }), 1);
  EXPECT_TRUE(sink_.records.empty());
  master_->handle(0, Result{.batch = batches.back().batch, .seconds = 0.1, .workers_left = 1}, 1);
  EXPECT_TRUE(sink_.records.empty());
  while (!master_->finished()) {
    master_->tick(1);
    for (const Assign& batch : take_assigned(0)) {
      master_->handle(0, finish(batch), 1);
    }
  }
  EXPECT_EQ(static_cast<std::int64_t>(sink_.records.size()), plan_.size());
}

TEST_F(MasterTest, DrainStopsHandingOutAndEndsWhenWorkIsReturned) {
  greet(0);
  greet(1);
  master_->tick(1);
  const std::vector<Assign> zero = take_assigned(0);
  const std::vector<Assign> one = take_assigned(1);

  master_->drain();

  EXPECT_TRUE(was_told(0, drain_type));
  EXPECT_TRUE(was_told(1, drain_type));
  EXPECT_FALSE(master_->finished());
  for (const Assign& batch : zero) {
    master_->handle(0, finish(batch), 1);
  }
  for (const Assign& batch : one) {
    master_->handle(1, Result{.batch = batch.batch, .workers_left = 1}, 1);
  }
  master_->tick(1);
  EXPECT_TRUE(take_assigned(0).empty());
  EXPECT_TRUE(master_->finished());
  EXPECT_GT(sink_.records.size(), 0U);
}

/// One batch done, so that the rate of rank 0 is known; seconds: how long it took.
class MasterWithTimeLimit : public MasterTest {
 protected:
  MasterWithTimeLimit() : MasterTest(1) {}

  /// The batches of one tick.
  std::vector<Assign> tick(double time_left_s) {
    master_->tick(1, time_left_s);
    return take_assigned(0);
  }
  void learn_rate(double seconds) {
    greet(0);
    for (const Assign& batch : tick(1000)) {
      Result result = finish(batch);
      result.seconds = seconds;
      master_->handle(0, result, 1);
    }
  }
  [[nodiscard]] double cost(const Assign& batch) const {
    double cost = 0;
    for (const RunRange& range : batch.ranges) {
      cost += plan_.setup_cost(range.first) + static_cast<double>(range.count) * plan_.run_cost(range.first);
    }
    return cost;
  }
};

TEST_F(MasterWithTimeLimit, BeginsOnlyWhatIsDoneInTime) {
  const double dearest = plan_.run_cost(plan_.size() - 1) + plan_.setup_cost(plan_.size() - 1);
  greet(0);
  const std::vector<Assign> first = tick(1000);
  const double rate = 1e6;
  for (const Assign& batch : first) {
    Result result = finish(batch);
    result.seconds = cost(batch) / rate;
    master_->handle(0, result, 1);
  }
  const double time_left_s = dearest / rate;  // enough for shorter runs; with the margin not for the longest

  const std::vector<Assign> assigned = tick(time_left_s);

  ASSERT_FALSE(assigned.empty());
  for (const Assign& batch : assigned) {
    EXPECT_LE(cost(batch), rate * time_left_s);
    EXPECT_LT(plan_.at(batch.ranges.front().first).width, 512);
  }
  EXPECT_FALSE(was_told(0, drain_type));
  for (const Assign& batch : assigned) {
    master_->handle(0, finish(batch), 1);
  }
  const std::vector<Assign> later = tick(1000);
  ASSERT_FALSE(later.empty());
  EXPECT_EQ(plan_.at(later.front().ranges.front().first).width, 512);
}

TEST_F(MasterWithTimeLimit, DrainsWhenNothingWouldBeDoneInTime) {
  learn_rate(10);
  EXPECT_TRUE(tick(1e-6).empty());
  EXPECT_TRUE(was_told(0, drain_type));
  EXPECT_TRUE(master_->finished());
  EXPECT_THAT(warnings_, ::testing::ElementsAre(HasSubstr("would finish in time")));
}

TEST_F(MasterWithTimeLimit, BeginsLongRunsThatWillBeSaved) {
  options_.saved_after_s = 2;
  make_master(1);
  learn_rate(1e6);
  EXPECT_FALSE(tick(3).empty());
}

TEST_F(MasterWithTimeLimit, DoesNotDrainBeforeAllAgentsWereHeard) {
  make_master(2);
  learn_rate(1e6);
  EXPECT_TRUE(tick(3).empty());
  EXPECT_FALSE(was_told(0, drain_type));
}

/// One agent whose first batch is known; what its heartbeats say of it.
class MasterWithProgress : public MasterWithTimeLimit {
 protected:
  MasterWithProgress() {
    plan_ = make_plan({{"training.max-steps", "100000"}});  // set-up, counted with every batch, is small beside it
    make_master(1);
    greet(0);
    waiting_ = tick(1000);
    batch_ = waiting_.front();
    waiting_.erase(waiting_.begin());
  }

  /// The batch is so far after so many seconds.
  void hear(double seconds, double share, double restored = 0) {
    const BatchWork work{batch_.batch, seconds, share * cost(batch_), restored * cost(batch_)};
    master_->handle(0, Heartbeat{{work}}, 1);
  }
  [[nodiscard]] Progress progress() const { return master_->progress(1); }
  [[nodiscard]] double whole_cost() const { return measure_plan(plan_).flop; }

  /// But for the set-up.
  static void expect_about(double value, double expected) { EXPECT_NEAR(value, expected, 1e-3 * expected); }

  Assign batch_;
  std::vector<Assign> waiting_;  // assigned with it
};

TEST_F(MasterWithProgress, WorkUnderWayCountsBeforeAnyRunIsDone) {
  EXPECT_EQ(progress().share_done, 0);
  EXPECT_EQ(progress().eta_s, std::numeric_limits<double>::infinity());

  hear(3, 0.5);

  const double half = 0.5 * cost(batch_);
  EXPECT_EQ(progress().done, 0);
  expect_about(progress().share_done, half / whole_cost());
  expect_about(progress().eta_s, (whole_cost() - half) / (half / 3));
}

TEST_F(MasterWithProgress, TheRateIsThatOfThisSession) {
  hear(3, 0.75, 0.5);  // a quarter of the batch in 3 s, the rest from a checkpoint
  const double left = whole_cost() - 0.75 * cost(batch_);
  expect_about(progress().eta_s, left / (0.25 * cost(batch_) / 3));
}

TEST_F(MasterWithProgress, FinishedWorkIsNotCountedTwice) {
  hear(3, 0.5);
  master_->handle(0, finish(batch_), 1);
  const double share = progress().share_done;
  expect_about(share, cost(batch_) / whole_cost());

  hear(3, 1);  // late news of it

  EXPECT_EQ(progress().share_done, share);
}

TEST_F(MasterWithProgress, WorkThatComesBackTakesItsPartBack) {
  hear(3, 0.5);
  master_->handle(0, Result{.batch = batch_.batch, .seconds = 4, .workers_left = 1}, 1);
  EXPECT_NEAR(progress().share_done, 0, 1e-9);

  batch_ = tick(1000).front();
  hear(3, 0.5);
  EXPECT_GT(progress().share_done, 0.01);
  master_->handle(0, Bye{}, 2);
  EXPECT_NEAR(progress().share_done, 0, 1e-9);
}

TEST_F(MasterWithProgress, EarlierSessionsCount) {
  master_->handle(0, finish(batch_), 1);
  const double share = progress().share_done;

  make_master(1);

  expect_about(progress().share_done, share);
}

TEST_F(MasterWithProgress, NoMoreThanTheBatchIsBelieved) {
  hear(3, 1e300);
  expect_about(progress().share_done, cost(batch_) / whole_cost());
  EXPECT_LT(progress().eta_s, std::numeric_limits<double>::infinity());
}

TEST_F(MasterWithProgress, AllDoneIsOne) {
  for (waiting_.push_back(batch_); !waiting_.empty(); waiting_ = tick(1000)) {
    for (const Assign& batch : waiting_) {
      master_->handle(0, finish(batch), 1);
    }
  }
  EXPECT_TRUE(master_->finished());
  EXPECT_EQ(progress().share_done, 1);
  EXPECT_EQ(progress().eta_s, 0);
}

TEST_F(MasterWithProgress, TheLastLongRunIsNotSharedByIdleWorkers) {
  const std::string one_run = "[grid]\np = 64\nlambda = 0\nseed = 0\n[training]\nmax-steps = 100000\n";
  plan_ = Plan(parse_job(one_run, "test.cfg"));
  make_master(1);
  greet(0, 4);
  batch_ = tick(1000).front();

  hear(3, 0.5);

  expect_about(progress().eta_s, 3);
}

TEST_F(MasterWithProgress, WhatCameFromACheckpointMakesNoWorkerFaster) {
  Result result = finish(batch_);
  result.seconds = 2;
  result.restored = 0.75 * cost(batch_);

  master_->handle(0, result, 1);

  const double rate = 0.25 * cost(batch_) / 2;
  expect_about(progress().eta_s, (whole_cost() - cost(batch_)) / rate);
}

TEST_F(MasterTest, WrongRecordsAreRefusedByName) {
  greet(0);
  master_->tick(1);
  const Assign batch = take_assigned(0).front();
  master_->handle(0, finish(batch, [](RunRecord& record) { record.run = 1'000'000; }), 1);
  EXPECT_THAT(warnings_.back(), HasSubstr("run 1000000"));
  EXPECT_TRUE(sink_.records.empty());

  Result torn = finish(batch);
  torn.records.resize(torn.records.size() - 1);
  master_->handle(0, torn, 1);
  EXPECT_THAT(warnings_.back(), HasSubstr("refused"));
}

TEST_F(MasterTest, AgentsOfAnotherPlanAreSentAway) {
  master_->handle(1, Hello{plan_.hash() + 1, 1, "stranger"}, 0);
  EXPECT_TRUE(was_told(1, stop_type));
  EXPECT_THAT(warnings_.back(), HasSubstr("another plan"));
  master_->tick(1);
  EXPECT_TRUE(take_assigned(1).empty());
}

TEST_F(MasterTest, RanksThatShareAGpuAreTold) {
  make_master(3);
  master_->handle(0, Hello{plan_.hash(), 2, "node1", {"GPU-a", "GPU-b"}}, 0);
  master_->handle(1, Hello{plan_.hash(), 1, "node2", {"GPU-c"}}, 0);
  EXPECT_THAT(warnings_, IsEmpty());
  master_->handle(2, Hello{plan_.hash(), 1, "node1", {"GPU-b"}}, 0);
  EXPECT_THAT(warnings_, ::testing::ElementsAre(HasSubstr("ranks 0 and 2 share the GPU GPU-b")));
}

TEST_F(MasterTest, AgentWithoutWorkersGetsNoWork) {
  greet(0);
  greet(1);
  master_->tick(1);
  const Assign batch = take_assigned(1).front();

  master_->handle(1, Result{.batch = batch.batch, .resignation = "made to fail"}, 1);  // its device is gone
  master_->tick(1);

  EXPECT_TRUE(take_assigned(1).empty());
}

TEST_F(MasterTest, FinishesEarlyWhenNobodyIsLeftToWork) {
  greet(0);
  greet(1);
  master_->handle(0, Bye{}, 1);
  EXPECT_FALSE(master_->finished());
  master_->handle(1, Bye{}, 1);
  EXPECT_TRUE(master_->finished());
  EXPECT_TRUE(master_->all_left());
}

TEST_F(MasterTest, LatecomersAreToldToLeave) {
  greet(0);
  master_->stop_agents();
  EXPECT_FALSE(master_->all_left());  // rank 1 has not been heard of
  greet(1);
  EXPECT_TRUE(was_told(1, stop_type));
}

}  // namespace
}  // namespace fasweep
