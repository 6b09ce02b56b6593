#include "cluster/sweep_runner.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/local_transport.hpp"
#include "cluster/sweep_case.hpp"
#include "cluster/worker_pool.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

using testing::fake_factory;
using testing::make_plan;
using testing::MemorySink;

/// A whole sweep with one thread a rank. change: what each rank's options get besides the workers.
SweepResult run_all(const Plan& plan, MemorySink& sink, int ranks, int workers, const TrainerFactory& factory,
                    const std::function<void(int rank, SweepOptions&)>& change = {}) {
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(ranks);
  std::vector<std::thread> threads;
  SweepResult of_rank_0;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      SweepOptions options;
      options.workers = workers;
      if (change) {
        change(rank, options);
      }
      const SweepResult result =
          run_sweep(*transports[static_cast<std::size_t>(rank)], plan, rank == 0 ? &sink : nullptr, factory, options);
      if (rank == 0) {
        of_rank_0 = result;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return of_rank_0;
}

TEST(SweepRunner, EveryCombinationOfRanksAndWorkersGivesTheSameRecords) {
  const Plan plan = make_plan();
  MemorySink reference;
  run_all(plan, reference, 1, 1, fake_factory());
  ASSERT_EQ(static_cast<std::int64_t>(reference.records.size()), plan.size());
  for (const int ranks : {1, 2, 4}) {
    for (const int workers : {1, 3}) {
      for (const double batch_seconds : {0.0, 1e9}) {
        MemorySink sink;
        run_all(plan, sink, ranks, workers, fake_factory(),
                [&](int, SweepOptions& options) { options.master.batch_seconds = batch_seconds; });
        EXPECT_EQ(sink.records, reference.records);
        EXPECT_EQ(sink.added, plan.size());
        EXPECT_EQ(static_cast<int>(sink.agents.size()), 2 * ranks) << "who it is, and how busy it was";
      }
    }
  }
}

TEST(SweepRunner, TrainerThatThrowsMakesFailedRecordsAndTheSweepGoesOn) {
  const Plan plan = make_plan();
  MemorySink sink;
  run_all(plan, sink, 2, 2, fake_factory([](const RunSpec& run, const std::atomic<bool>&) {
            if (run.seed == 3) {
              throw std::runtime_error("made to fail");
            }
          }));
  ASSERT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
  for (const auto& [run, status] : sink.statuses) {
    EXPECT_EQ(status, plan.at(run).seed == 3 ? RunStatus::failed : RunStatus::done);
  }
}

/// Notes which of a rank's workers train runs of which width.
struct Division {
  std::mutex mutex;
  std::map<int, std::set<int>> widths;  // by worker

  TrainerFactory factory() {
    return [this](int worker) {
      return std::make_unique<testing::FakeTrainer>([this, worker](const RunSpec& run, const std::atomic<bool>&) {
        const std::lock_guard lock(mutex);
        widths[worker].insert(run.width);
      });
    };
  }
};

TEST(SweepRunner, TwoDevicesAndTheCoresBesideThemDivideTheWork) {
  const Plan plan = make_plan();
  MemorySink reference;
  run_all(plan, reference, 1, 1, fake_factory());
  MemorySink sink;
  Division division;
  run_all(plan, sink, 1, 3, division.factory(), [&](int, SweepOptions& options) {
    options.device_count = 2;
    options.device_rate = 1e12;
    options.master.device_batch_seconds = 0;
    options.master.device_takes = [&plan](std::int64_t run) { return plan.at(run).width == 512; };
  });
  EXPECT_EQ(sink.records, reference.records);
  const int device_workers = 2 * workers_a_device;
  for (const auto& [worker, widths] : division.widths) {
    EXPECT_LT(worker, device_workers + 3);
    EXPECT_EQ(widths.contains(512), worker < device_workers);
    EXPECT_EQ(widths.contains(8) || widths.contains(64), worker >= device_workers);
  }
  EXPECT_THAT(sink.agents.back(), ::testing::HasSubstr("GPUs"));
}

TEST(SweepRunner, CoresEndWhatADeviceBegan) {
  const Plan plan = make_plan();
  MemorySink sink;
  run_all(
      plan, sink, 1, 1,
      [](int worker) {
        return std::make_unique<testing::FakeTrainer>([worker](const RunSpec& run, const std::atomic<bool>&) {
          if (worker < workers_a_device && run.seed % 2 == 1) {
            throw DeviceError("made to fail");
          }
        });
      },
      [&](int, SweepOptions& options) {
        options.device_count = 1;
        options.device_rate = 1e12;
        options.master.device_takes = [](std::int64_t) { return true; };
      });
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
}

/// Has several problems at once, and notes how many and whether they have one shape.
class ManyProblemsTrainer final : public Trainer {
 public:
  ManyProblemsTrainer(std::atomic<std::size_t>& most, std::atomic<bool>& mixed) : most_(most), mixed_(mixed) {}

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override { return fake_.train(request); }
  [[nodiscard]] int problems_at_once(const DataSettings& /*data*/, int /*width*/) const override { return 3; }
  [[nodiscard]] std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests) override {
    for (const TrainingRequest& request : requests) {
      const RunSpec& first = requests[0].runs[0];
      const RunSpec& other = request.runs[0];
      mixed_ = mixed_ || first.width != other.width || first.activation != other.activation ||
               request.problem.width != other.width;
    }
    most_ = std::max(most_.load(), requests.size());
    return Trainer::train_together(requests);
  }

 private:
  testing::FakeTrainer fake_;
  std::atomic<std::size_t>& most_;
  std::atomic<bool>& mixed_;
};

TEST(SweepRunner, TrainersGetAsManyProblemsOfOneShapeAsTheyWant) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::atomic<std::size_t> most = 0;
  std::atomic<bool> mixed = false;
  run_all(plan, sink, 1, 1, [&](int) { return std::make_unique<ManyProblemsTrainer>(most, mixed); });
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
  EXPECT_EQ(most, 3U);
  EXPECT_FALSE(mixed);
}

/// Gives a part of each run to an idle worker, if need be after a while, and notes who did it.
class LendingTrainer final : public Trainer {
 public:
  LendingTrainer(bool insists, std::atomic<int>& taken) : insists_(insists), taken_(taken) {}

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    const auto part = std::make_shared<std::packaged_task<std::thread::id()>>(std::this_thread::get_id);
    bool is_taken = request.idle_workers->take([part] { (*part)(); });
    while (insists_ && !is_taken) {
      std::this_thread::yield();
      is_taken = request.idle_workers->take([part] { (*part)(); });
    }
    if (is_taken) {
      EXPECT_NE(part->get_future().get(), std::this_thread::get_id());
      ++taken_;
    }
    return fake_.train(request);
  }

 private:
  testing::FakeTrainer fake_;
  bool insists_;
  std::atomic<int>& taken_;
};

TEST(SweepRunner, AnIdleWorkerTakesWhatAnotherGivesAway) {
  const Plan plan = make_plan({{"grid.p", "8"}, {"grid.lambda", "0"}, {"grid.seed", "0"}});
  ASSERT_EQ(plan.size(), 1);
  MemorySink sink;
  std::atomic<int> taken = 0;
  run_all(plan, sink, 1, 2, [&](int) { return std::make_unique<LendingTrainer>(true, taken); });
  EXPECT_EQ(sink.added, 1);
  EXPECT_EQ(taken, 1);
}

TEST(SweepRunner, NobodyIsIdleWhereOneWorkerTrains) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::atomic<int> taken = 0;
  run_all(plan, sink, 2, 1, [&](int) { return std::make_unique<LendingTrainer>(false, taken); });
  EXPECT_EQ(sink.added, plan.size());
  EXPECT_EQ(taken, 0);
}

TEST(SweepRunner, WorkersGiveAndTakeWhileASweepRuns) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::atomic<int> taken = 0;
  run_all(plan, sink, 1, 4, [&](int) { return std::make_unique<LendingTrainer>(false, taken); });
  EXPECT_EQ(sink.added, plan.size());
}

TEST(SweepRunner, AProblemThatFailsDoesNotTakeItsNeighboursAlong) {
  const Plan plan = make_plan();
  MemorySink sink;
  run_all(plan, sink, 1, 1, [](int) {
    return std::make_unique<testing::FakeTrainer>(
        [](const RunSpec& run, const std::atomic<bool>&) {
          if (run.seed == 3) {
            throw std::runtime_error("made to fail");
          }
        },
        4);
  });
  ASSERT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
  for (const auto& [run, status] : sink.statuses) {
    EXPECT_EQ(status, plan.at(run).seed == 3 ? RunStatus::failed : RunStatus::done);
  }
}

TEST(SweepRunner, WorkerWhoseDeviceFailsResignsAndTheOthersFinish) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::atomic<int> made = 0;
  run_all(plan, sink, 2, 2, [&](int) -> std::unique_ptr<Trainer> {
    const bool broken = made++ == 0;
    return std::make_unique<testing::FakeTrainer>([broken](const RunSpec&, const std::atomic<bool>&) {
      if (broken) {
        throw DeviceError("made to fail");
      }
    });
  });
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
}

TEST(SweepRunner, AllDevicesFailingEndsTheSweepWithoutHanging) {
  const Plan plan = make_plan();
  MemorySink sink;
  run_all(plan, sink, 2, 2,
          fake_factory([](const RunSpec&, const std::atomic<bool>&) { throw DeviceError("made to fail"); }));
  EXPECT_LT(static_cast<std::int64_t>(sink.records.size()), plan.size());
}

TEST(SweepRunner, DrainHalfWayThenTheRestGivesTheWhole) {
  const Plan plan = make_plan();
  MemorySink whole;
  run_all(plan, whole, 1, 1, fake_factory());
  MemorySink sink;
  std::atomic<int> trained = 0;
  const auto slow = fake_factory([&](const RunSpec&, const std::atomic<bool>&) {
    ++trained;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });

  run_all(plan, sink, 2, 2, slow,
          [&](int, SweepOptions& options) { options.stop_request = [&] { return trained > 20 ? 1 : 0; }; });
  const auto half = static_cast<std::int64_t>(sink.records.size());
  EXPECT_GT(half, 0);
  EXPECT_LT(half, plan.size());
  run_all(plan, sink, 2, 2, fake_factory());

  EXPECT_EQ(sink.records, whole.records);
  EXPECT_EQ(sink.added, plan.size());  // nothing was recorded twice
}

TEST(SweepRunner, TimeLimitDrains) {
  const Plan plan = make_plan();
  MemorySink sink;
  const auto endless = fake_factory([](const RunSpec&, const std::atomic<bool>& cancelled) {
    while (!cancelled) {
      std::this_thread::yield();
    }
  });
  run_all(plan, sink, 2, 1, endless, [](int, SweepOptions& options) { options.time_limit_s = 0.05; });
  EXPECT_TRUE(sink.records.empty());
}

TEST(SweepRunner, AgentThatVanishesIsReplacedByTheOthers) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::atomic<bool> vanish = false;
  const auto slow = fake_factory([&](const RunSpec&, const std::atomic<bool>&) {
    vanish = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  const SweepResult result = run_all(plan, sink, 3, 1, slow, [&](int rank, SweepOptions& options) {
    options.heartbeat_s = 0.02;
    options.master.lost_after_s = 0.3;
    if (rank == 2) {
      options.stop_request = [&] { return vanish ? 2 : 0; };  // leaves at once, without a word
    }
  });
  EXPECT_THAT(result.lost_ranks, ::testing::ElementsAre(2));
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
}

TEST(SweepRunner, RankOfAnotherVersionIsRefusedByNameAndTheOthersFinish) {
  const Plan plan = make_plan();
  MemorySink sink;
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  Bytes hello = encode(Hello{plan.hash(), 1, "of another version"});
  hello[4] = std::byte{99};
  for (int i = 0; i < 3; ++i) {
    transports[1]->send(0, Bytes(hello));
  }
  std::vector<std::string> warnings;
  SweepOptions options;
  options.heartbeat_s = 0.02;
  options.master.lost_after_s = 0.3;
  options.master.warn = [&](const std::string& text) { warnings.push_back(text); };

  const SweepResult result = run_sweep(*transports[0], plan, &sink, fake_factory(), options);

  EXPECT_EQ(result.end, SweepEnd::done);
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
  ASSERT_FALSE(warnings.empty());
  EXPECT_THAT(warnings[0], ::testing::AllOf(::testing::HasSubstr("a message of rank 1 is refused"),
                                            ::testing::HasSubstr("protocol version 99")));
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), warnings[0]), 1) << "said once";
}

TEST(SweepRunner, SaysWhatEndedIt) {
  const Plan plan = make_plan();
  const auto end_of = [&](const std::function<void(SweepOptions&)>& change, const TrainerFactory& factory) {
    MemorySink sink;
    std::vector<std::unique_ptr<Transport>> transports = make_local_transports(1);
    SweepOptions options;
    change(options);
    return run_sweep(*transports[0], plan, &sink, factory, options).end;
  };
  const TrainerFactory broken = [](int) -> std::unique_ptr<Trainer> { throw DeviceError("no device"); };

  EXPECT_EQ(end_of([](SweepOptions&) {}, fake_factory()), SweepEnd::done);
  EXPECT_EQ(end_of([](SweepOptions& options) { options.stop_request = [] { return 1; }; }, fake_factory()),
            SweepEnd::stop_request);
  EXPECT_EQ(end_of([](SweepOptions& options) { options.stop_request = [] { return 2; }; }, fake_factory()),
            SweepEnd::stop_request);
  EXPECT_EQ(end_of([](SweepOptions& options) { options.time_limit_s = 0; }, fake_factory()), SweepEnd::time_limit);
  EXPECT_EQ(end_of([](SweepOptions&) {}, broken), SweepEnd::no_workers);
}

TEST(SweepRunner, AgentSaysThatItLostTheMaster) {
  const Plan plan = make_plan();
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  SweepOptions options;
  options.master.lost_after_s = 0.05;
  options.heartbeat_s = 0.01;
  EXPECT_EQ(run_sweep(*transports[1], plan, nullptr, fake_factory(), options).end, SweepEnd::master_lost);
}

/// Ranks of which the first is not there, and each later one takes over into the same sink, if `can_lead` lets it.
class SweepWithoutRank0 {
 public:
  SweepWithoutRank0(const Plan& plan, int ranks, std::function<bool(int rank)> can_lead)
      : plan_(plan), can_lead_(std::move(can_lead)), results(static_cast<std::size_t>(ranks)) {}

  void run(const TrainerFactory& factory, const std::function<void(int rank, SweepOptions&)>& change = {}) {
    std::vector<std::unique_ptr<Transport>> transports = make_local_transports(static_cast<int>(results.size()));
    std::vector<std::thread> threads;
    for (int rank = 1; rank < transports[0]->size(); ++rank) {
      threads.emplace_back([&, rank] {
        SweepOptions options;
        options.heartbeat_s = 0.01;
        options.master.lost_after_s = 0.15;
        options.take_over = [this, rank]() -> RecordSink* {
          asked.push_back(rank);  // one after the other: the next is asked only when the one before is silent
          return can_lead_(rank) ? &sink : nullptr;
        };
        if (change) {
          change(rank, options);
        }
        const auto own = static_cast<std::size_t>(rank);
        results[own] = run_sweep(*transports[own], plan_, nullptr, factory, options);
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }

 private:
  const Plan& plan_;
  std::function<bool(int)> can_lead_;

 public:
  MemorySink sink;
  std::vector<int> asked;
  std::vector<SweepResult> results;  // by rank
};

TEST(SweepRunner, TheNextRankLeadsWhenTheFirstIsLost) {
  const Plan plan = make_plan();
  SweepWithoutRank0 sweep(plan, 4, [](int) { return true; });
  sweep.run(fake_factory());
  EXPECT_THAT(sweep.asked, ::testing::ElementsAre(1));
  EXPECT_EQ(static_cast<std::int64_t>(sweep.sink.records.size()), plan.size());
  EXPECT_EQ(sweep.results[1].end, SweepEnd::done);
  EXPECT_THAT(sweep.results[1].lost_ranks, ::testing::ElementsAre(0));
  EXPECT_EQ(sweep.results[2].end, SweepEnd::done);
  EXPECT_EQ(sweep.results[3].end, SweepEnd::done);
}

TEST(SweepRunner, RanksLeadOneAfterTheOther) {
  const Plan plan = make_plan();
  std::atomic<bool> vanish = false;
  const auto slow = fake_factory([&](const RunSpec&, const std::atomic<bool>&) {
    vanish = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  SweepWithoutRank0 sweep(plan, 4, [](int) { return true; });
  sweep.run(slow, [&](int rank, SweepOptions& options) {
    if (rank == 1) {
      options.stop_request = [&] { return vanish ? 2 : 0; };
    }
  });
  EXPECT_THAT(sweep.asked, ::testing::ElementsAre(1, 2));
  EXPECT_EQ(static_cast<std::int64_t>(sweep.sink.records.size()), plan.size());
  EXPECT_EQ(sweep.results[2].end, SweepEnd::done);
  EXPECT_THAT(sweep.results[2].lost_ranks, ::testing::ElementsAre(0, 1));
  EXPECT_EQ(sweep.results[3].end, SweepEnd::done);
}

TEST(SweepRunner, AllLeaveWhenTheNextRankCannotLead) {
  const Plan plan = make_plan();
  SweepWithoutRank0 sweep(plan, 4, [](int) { return false; });
  sweep.run(fake_factory());
  EXPECT_THAT(sweep.asked, ::testing::ElementsAre(1));
  for (std::size_t rank = 1; rank < 4; ++rank) {
    EXPECT_EQ(sweep.results[rank].end, SweepEnd::master_lost) << rank;
  }
}

TEST(SweepRunner, ResultsOfAnEarlierMastersBatchesCount) {
  // The agent has a batch of the lost master, and its result reaches the next one, whose own batches have other ids.
  const Plan plan = make_plan();
  MemorySink sink;
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(3);
  SweepOptions options;
  options.heartbeat_s = 0.01;
  options.master.lost_after_s = 0.15;
  std::atomic<int> trained = 0;
  const auto slow_at_first = fake_factory([&](const RunSpec&, const std::atomic<bool>&) {
    if (trained++ == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(600));
    }
  });
  std::thread agent([&] { run_sweep(*transports[2], plan, nullptr, slow_at_first, options); });
  transports[0]->send(2, encode(Welcome{0}));
  transports[0]->send(2, encode(Assign{0, {{0, 1}}}));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  SweepOptions leading = options;
  leading.workers = 0;  // all records are of the agent
  leading.take_over = [&] { return &sink; };
  const SweepResult result = run_sweep(*transports[1], plan, nullptr, fake_factory(), leading);
  agent.join();
  EXPECT_EQ(result.end, SweepEnd::done);
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
  EXPECT_LE(trained, plan.size() + 1) << "none but the first twice";
}

TEST(SweepRunner, AgentRefusesRunsThatItsPlanDoesNotHave) {
  const Plan plan = make_plan();
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  std::vector<std::string> warnings;
  std::thread agent([&] {
    SweepOptions options;
    options.master.warn = [&](const std::string& text) { warnings.push_back(text); };
    run_sweep(*transports[1], plan, nullptr, fake_factory(), options);
  });
  transports[0]->send(1, encode(Assign{7, {{0, 2}, {plan.size() - 1, 2}}}));
  transports[0]->send(1, encode(Stop{}));
  agent.join();

  EXPECT_THAT(warnings, ::testing::ElementsAre(::testing::AllOf(
                            ::testing::HasSubstr("batch 7"),
                            ::testing::HasSubstr("ends with run " + std::to_string(plan.size() - 1)))));
  while (const std::optional<Message> message = transports[0]->receive()) {
    EXPECT_FALSE(std::holds_alternative<Result>(decode_message(message->body))) << "nothing of it was trained";
  }
}

/// One run that says it is half done, a quarter of it from a checkpoint, and goes on until it is let go.
class HalfDoneTrainer final : public Trainer {
 public:
  explicit HalfDoneTrainer(const std::atomic<bool>& go) : go_(go) {}

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    request.listener->reached(request.runs[0].run, 0.5, 0.25);
    while (!go_ && !request.cancelled) {
      std::this_thread::yield();
    }
    request.listener->reached(request.runs[0].run, 1, 0.25);
    return fake_.train(request);
  }

 private:
  const std::atomic<bool>& go_;
  testing::FakeTrainer fake_;
};

TEST(SweepRunner, ProgressShowsHowFarARunOfAnotherRankIs) {
  const Plan plan = make_plan({{"grid.p", "8"}, {"grid.lambda", "0"}, {"grid.seed", "0"}});
  std::atomic<bool> go = false;
  MemorySink sink;
  std::vector<Progress> seen;

  run_all(
      plan, sink, 2, 1, [&](int) { return std::make_unique<HalfDoneTrainer>(go); },
      [&](int rank, SweepOptions& options) {
        options.workers = rank;
        options.time_limit_s = 60;  // rather fail than wait for ever
        options.heartbeat_s = 0.01;
        options.progress_interval_s = 0.01;
        options.on_progress = [&](const Progress& progress) {
          seen.push_back(progress);
          go = progress.share_done > 0;
        };
      });

  const double cost = plan.run_cost(0) + plan.setup_cost(0);
  const auto half = std::find_if(seen.begin(), seen.end(), [](const Progress& p) { return p.share_done > 0; });
  ASSERT_NE(half, seen.end());
  EXPECT_EQ(half->done, 0);
  EXPECT_DOUBLE_EQ(half->share_done, 0.5 * plan.run_cost(0) / cost);
  EXPECT_LT(half->eta_s, std::numeric_limits<double>::infinity());
  EXPECT_EQ(sink.records.size(), 1U);
}

TEST(WorkerPool, TellsOfRunsUnderWayAndWhatCheckpointsGave) {
  const Plan plan = make_plan();
  std::atomic<bool> go = false;
  const TrainerFactory factory = [&](int) { return std::make_unique<HalfDoneTrainer>(go); };
  Waker waker;
  WorkerPool pool(plan, {}, {}, factory, 1, 0, waker, nullptr);
  EXPECT_THAT(pool.work_under_way(), ::testing::IsEmpty());

  pool.push({7, {{4, 1}}});
  std::vector<BatchWork> work;
  while (work.empty()) {
    work = pool.work_under_way();
  }
  go = true;
  std::vector<Result> results;
  while (results.empty()) {
    waker.wait(0.01);
    results = pool.take_results();
  }

  ASSERT_EQ(work.size(), 1U);
  EXPECT_EQ(work[0].batch, 7);
  EXPECT_GT(work[0].seconds, 0);
  EXPECT_EQ(work[0].done, 0.5 * plan.run_cost(4));
  EXPECT_EQ(work[0].restored, 0.25 * plan.run_cost(4));
  EXPECT_EQ(results[0].restored, 0.25 * plan.run_cost(4));
  EXPECT_THAT(pool.work_under_way(), ::testing::IsEmpty());
}

TEST(SweepRunner, PauseOfTheWholeProcessLosesNoAgent) {
  // A laptop that slept, or a file that took long to write: rank 0 hears nothing for longer than an agent may be
  // silent.
  class PausingSink final : public RecordSink {
   public:
    [[nodiscard]] bool has(std::int64_t run) const override { return sink.has(run); }
    void add(const RecordHeader& header, std::span<const std::byte> encoded) override { sink.add(header, encoded); }
    void tick() override { std::this_thread::sleep_for(std::chrono::milliseconds(ticks++ == 1 ? 600 : 0)); }
    void note_agent(const std::string& description) override { sink.note_agent(description); }

    MemorySink sink;
    int ticks = 0;
  };
  const Plan plan = make_plan({{"grid.p", "8"}, {"grid.lambda", "0"}, {"grid.seed", "0"}});
  PausingSink sink;
  const TrainerFactory slow = fake_factory(
      [](const RunSpec&, const std::atomic<bool>&) { std::this_thread::sleep_for(std::chrono::milliseconds(1000)); });
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(1);
  std::vector<std::string> warnings;
  SweepOptions options;
  options.heartbeat_s = 0.25;
  options.master.lost_after_s = 0.5;
  options.master.warn = [&](const std::string& text) { warnings.push_back(text); };

  run_sweep(*transports[0], plan, &sink, slow, options);

  EXPECT_THAT(warnings, ::testing::IsEmpty());
  EXPECT_EQ(static_cast<std::int64_t>(sink.sink.records.size()), plan.size());
  EXPECT_GT(sink.ticks, 2);
}

TEST(SweepRunner, OtherRanksStayHowEverLongTheFileTakes) {
  // Longer than a silent master is waited for; nobody is to leave before the file is there.
  class SlowSink final : public RecordSink {
   public:
    [[nodiscard]] bool has(std::int64_t run) const override { return sink.has(run); }
    void add(const RecordHeader& header, std::span<const std::byte> encoded) override { sink.add(header, encoded); }
    void tick() override {}
    [[nodiscard]] bool try_finish() override {
      constexpr double writing_s = 1.5;
      writing = writing ? writing : std::optional<Stopwatch>(std::in_place);
      finished = finished || writing->seconds() > writing_s;
      return finished;
    }
    void note_agent(const std::string&) override {}

    MemorySink sink;
    std::optional<Stopwatch> writing;
    std::atomic<bool> finished = false;
  };
  const Plan plan = make_plan();
  SlowSink sink;
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  std::vector<std::string> warnings;
  SweepOptions options;
  options.heartbeat_s = 0.02;
  options.master.lost_after_s = 0.3;
  SweepOptions leading = options;
  leading.master.warn = [&](const std::string& text) { warnings.push_back(text); };
  bool was_finished = false;
  const TrainerFactory factory = fake_factory();
  std::thread other([&] {
    run_sweep(*transports[1], plan, nullptr, factory, options);
    was_finished = sink.finished;
  });

  run_sweep(*transports[0], plan, &sink, factory, leading);

  other.join();
  EXPECT_TRUE(was_finished);
  EXPECT_THAT(warnings, ::testing::IsEmpty());
}

/// Another transport, some of it in another way.
class WrappedTransport : public Transport {
 public:
  explicit WrappedTransport(Transport& inner) : inner_(inner) {}

  [[nodiscard]] int rank() const override { return inner_.rank(); }
  [[nodiscard]] int size() const override { return inner_.size(); }
  void send(int to, Bytes body) override { inner_.send(to, std::move(body)); }
  [[nodiscard]] std::optional<Message> receive() override { return inner_.receive(); }
  void set_farewell(Farewell farewell, int /*leader*/) override { last_farewell = farewell; }
  std::string broadcast_text(std::string text) override { return inner_.broadcast_text(std::move(text)); }
  [[nodiscard]] int smallest(int number) override { return inner_.smallest(number); }
  [[nodiscard]] int node_rank() const override { return inner_.node_rank(); }
  [[nodiscard]] int node_size() const override { return inner_.node_size(); }
  [[nodiscard]] std::string broadcast_in_node(std::string text) override { return text; }
  [[nodiscard]] bool must_poll() const override { return inner_.must_poll(); }

  Farewell last_farewell = Farewell::at_once;

 private:
  Transport& inner_;
};

/// Of ranks that a launcher ends together.
class FragileTransport final : public WrappedTransport {
 public:
  using WrappedTransport::WrappedTransport;
  [[nodiscard]] bool outlives_others() const override { return false; }
};

/// Messages arrive faster than they are read, for so long that a sweep which waits for their end is caught.
class FloodedTransport final : public WrappedTransport {
 public:
  using WrappedTransport::WrappedTransport;
  [[nodiscard]] std::optional<Message> receive() override {
    constexpr double longest_s = 10;
    std::optional<Message> message = WrappedTransport::receive();
    has_ended = has_ended || since_start_.seconds() > longest_s;
    return message || has_ended ? std::move(message) : std::optional(Message{0, encode(Heartbeat{})});
  }

  bool has_ended = false;

 private:
  Stopwatch since_start_;
};

TEST(SweepRunner, FloodOfMessagesKeepsNoWorkFromBeingHandedOut) {
  const Plan plan = make_plan({{"grid.p", "8"}, {"grid.lambda", "0"}, {"grid.seed", "0"}});
  MemorySink sink;
  const std::unique_ptr<Transport> single = make_single_transport();
  FloodedTransport flooded(*single);

  run_sweep(flooded, plan, &sink, fake_factory(), {});

  EXPECT_FALSE(flooded.has_ended);
  EXPECT_EQ(static_cast<std::int64_t>(sink.records.size()), plan.size());
}

TEST(SweepRunner, SilentMasterIsWaitedForWhereItsDeathWouldBeEverybodys) {
  const Plan plan = make_plan();
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  FragileTransport fragile(*transports[1]);
  SweepOptions options;
  options.heartbeat_s = 0.02;
  options.master.lost_after_s = 0.1;
  std::atomic<bool> left = false;
  std::thread agent([&] {
    run_sweep(fragile, plan, nullptr, fake_factory(), options);
    left = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  EXPECT_FALSE(left);

  transports[0]->send(1, encode(Stop{}));
  agent.join();
  EXPECT_EQ(fragile.last_farewell, Farewell::together);
}

TEST(SweepRunner, ErrorOfTheSinkReachesTheCallerAndTheOtherRanksLeave) {
  class FullSink final : public RecordSink {
   public:
    [[nodiscard]] bool has(std::int64_t) const override { return false; }
    void add(const RecordHeader&, std::span<const std::byte>) override { throw StoreError("disk full"); }
    void tick() override {}
    void note_agent(const std::string&) override {}
  };
  const Plan plan = make_plan();
  FullSink sink;
  std::vector<std::unique_ptr<Transport>> transports = make_local_transports(2);
  const TrainerFactory factory = fake_factory();
  std::thread other([&] { run_sweep(*transports[1], plan, nullptr, factory, {}); });
  EXPECT_THROW(run_sweep(*transports[0], plan, &sink, factory, {}), StoreError);
  other.join();
}

}  // namespace
}  // namespace fasweep
