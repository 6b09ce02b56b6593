// The worker threads of one agent. Batches go in, results come out; each thread trains one batch at a time with its own
// trainer.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "cluster/batch_progress.hpp"
#include "cluster/messages.hpp"
#include "cluster/waker.hpp"
#include "sweep/plan.hpp"
#include "train/idle_workers.hpp"
#include "train/trainer.hpp"

namespace fasweep {

class WorkerPool final : private IdleWorkers {
 public:
  /// Consecutive runs of one problem with the same settings.
  struct Part {
    std::int64_t problem = 0;
    const RunSettings* settings = nullptr;
    std::vector<RunSpec> runs;
  };

  /// Starts `cores` threads of the crew of cores and workers_a_device for each of `devices` of that of devices, whose
  /// numbers come first. waker is called whenever a result is ready. datasets, states: those of the plan. checkpoints:
  /// nullptr for none. first_step: likewise. Everything referred to outlives the pool.
  WorkerPool(const Plan& plan, std::span<const Dataset> datasets, std::span<const InitialState> states,
             const TrainerFactory& factory, int cores, int devices, Waker& waker, Checkpoints* checkpoints,
             const FirstStepCheck* first_step = nullptr);

  /// Cancels what runs and joins the threads.
  ~WorkerPool() override;

  /// Number of the first worker over the whole sweep, for the records.
  void set_first_worker(std::int32_t number) { first_worker_ = number; }

  /// Queues a batch for its crew; it comes back without records when no worker of it is left.
  void push(Assign batch);

  /// Results that became ready since the last call.
  [[nodiscard]] std::vector<Result> take_results();

  /// How far batches in training have come.
  [[nodiscard]] std::vector<BatchWork> work_under_way() const;

  /// Runs in training end at their next step; batches not begun come back as results without records.
  void cancel();

 private:
  /// Threads that take from one queue.
  struct Queue {
    std::condition_variable work_ready;
    std::deque<Assign> waiting;
    int workers_left = 0;
  };

  void start(Crew crew, int workers);
  void work(Crew crew, int worker);
  [[nodiscard]] Queue& queue_of(Crew crew) { return queues_[static_cast<std::size_t>(crew)]; }
  [[nodiscard]] bool wait_for_batch(Crew crew, Assign& batch);
  [[nodiscard]] Result train(Trainer& trainer, int worker, const Assign& batch);
  [[nodiscard]] std::vector<RunRecord> train_parts(Trainer& trainer, std::span<const Part> parts,
                                                   ProgressListener& listener);
  void report(int worker, Result result);
  void return_waiting(Crew crew);  // with mutex_ held
  [[nodiscard]] bool take(std::function<void()> task) override;

  const Plan& plan_;
  std::span<const Dataset> datasets_;
  std::span<const InitialState> states_;
  const TrainerFactory& factory_;
  Waker& waker_;
  Checkpoints* checkpoints_;
  const FirstStepCheck* first_step_;
  std::atomic<std::int32_t> first_worker_ = 0;
  std::atomic<bool> cancelled_ = false;
  std::mutex mutex_;
  std::array<Queue, crew_count> queues_;     // by crew
  std::deque<std::function<void()>> tasks_;  // of the cores; fewer than idle ones
  std::size_t idle_ = 0;                     // cores that wait, or are about to wake up
  std::vector<Result> ready_;
  bool closing_ = false;
  std::deque<BatchProgress> progress_;  // by worker
  std::vector<std::thread> threads_;
};

}  // namespace fasweep
