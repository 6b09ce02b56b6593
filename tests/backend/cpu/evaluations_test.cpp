// Idle workers may evaluate a network while it goes on training, which changes no bit.
#include "backend/cpu/evaluations.hpp"

#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"
#include "support/memory_checkpoints.hpp"

namespace fasweep {
namespace {

using testing::are_same_bits;
using testing::MemoryCheckpoints;
using testing::TrainingCase;

/// Always one more, each on a thread of its own.
class ManyIdleWorkers final : public IdleWorkers {
 public:
  ~ManyIdleWorkers() override {
    for (std::thread& thread : threads_) {
      thread.join();
    }
  }
  [[nodiscard]] bool take(std::function<void()> task) override {
    threads_.emplace_back(std::move(task));
    return true;
  }
  [[nodiscard]] std::size_t tasks() const { return threads_.size(); }

 private:
  std::vector<std::thread> threads_;
};

/// Minibatches and so many samples that an evaluation is worth a copy of the network.
struct LargeCase : TrainingCase {
  LargeCase() : TrainingCase(64, 50, 1000, Activations::index_of<Relu>(), Rules::index_of<FeedbackAlignment>(), 12) {
    data.test_samples = 256;
    training.batch_size = 16;
    run.step_size = 1e-4;
    training.precision = Precision::float32;
    record.steps = {0, 1, 2, 3, 7, 8, 12};
  }

  [[nodiscard]] RunRecord train(IdleWorkers* idle_workers, Checkpoints* checkpoints = nullptr) const {
    const Problem large = problem();
    TrainingRequest wanted = request(large);
    wanted.idle_workers = idle_workers;
    wanted.checkpoints = checkpoints;
    return std::move(make_cpu_trainer()->train(wanted).at(0));
  }
};

TEST(Evaluations, OfIdleWorkersHaveTheBitsOfOnesOwn) {
  const LargeCase c;
  const RunRecord own = c.train(nullptr);
  ASSERT_EQ(own.status, RunStatus::done) << own.error;
  ManyIdleWorkers idle_workers;

  const RunRecord theirs = c.train(&idle_workers);

  EXPECT_EQ(idle_workers.tasks(), c.record.steps.size());
  EXPECT_TRUE(are_same_bits(theirs.trajectory, own.trajectory));
  EXPECT_TRUE(are_same_bits(theirs.final_values, own.final_values));
}

TEST(Evaluations, UnderWayAreKeptInACheckpoint) {
  LargeCase c;
  const RunRecord whole = c.train(nullptr);
  for (int saves = 1; saves <= 11; ++saves) {
    ManyIdleWorkers idle_workers;
    MemoryCheckpoints checkpoints(c.cancelled, saves);
    const RunRecord first = c.train(&idle_workers, &checkpoints);
    ASSERT_EQ(first.status, RunStatus::cancelled) << saves;
    c.cancelled = false;
    checkpoints.saves = 1000;

    const RunRecord resumed = c.train(&idle_workers, &checkpoints);

    EXPECT_EQ(resumed.status, RunStatus::done);
    EXPECT_TRUE(are_same_bits(resumed.trajectory, whole.trajectory)) << saves;
    EXPECT_TRUE(are_same_bits(resumed.final_values, whole.final_values)) << saves;
  }
}

TEST(Evaluations, ThrowWhatTheyThrewWhenTheirResultIsAskedFor) {
  ManyIdleWorkers idle_workers;
  Evaluations evaluations;
  evaluations.begin([]() -> Evaluation { throw std::runtime_error("made to fail"); }, &idle_workers);
  EXPECT_THROW(static_cast<void>(evaluations.settle()), std::runtime_error);
  evaluations.begin([] { return Evaluation{{.loss = 1}, {.loss = 2}}; }, nullptr);
  ASSERT_EQ(evaluations.settle().size(), 1U);
  EXPECT_EQ(evaluations.settle()[0].test.loss, 2);
}

}  // namespace
}  // namespace fasweep
