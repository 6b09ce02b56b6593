#include "cluster/worker_pool.hpp"

#include <exception>
#include <optional>
#include <utility>

#include "train/train_loop.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

/// Consecutive runs of one problem, out of a range that may span several.
std::vector<RunSpec> runs_of_one_problem(const Plan& plan, std::int64_t first, std::int64_t end) {
  const std::int64_t problem_end = (first / plan.runs_per_problem() + 1) * plan.runs_per_problem();
  std::vector<RunSpec> runs;
  for (std::int64_t run = first; run < std::min(end, problem_end); ++run) {
    runs.push_back(plan.at(run));
  }
  return runs;
}

std::vector<RunRecord> fail_all(const Plan& plan, const std::vector<RunSpec>& runs, const std::string& why) {
  std::vector<RunRecord> records;
  for (const RunSpec& run : runs) {
    records.push_back(failed_record(run, plan.job().training, plan.job().record, plan.solver(run.run), why));
  }
  return records;
}

}  // namespace

WorkerPool::WorkerPool(const Plan& plan, const Dataset* dataset, const TrainerFactory& factory, int workers,
                       Waker& waker, Checkpoints* checkpoints)
    : plan_(plan),
      dataset_(dataset),
      factory_(factory),
      waker_(waker),
      checkpoints_(checkpoints),
      workers_left_(workers) {
  for (int worker = 0; worker < workers; ++worker) {
    threads_.emplace_back([this, worker] { work(worker); });
  }
}

WorkerPool::~WorkerPool() {
  cancelled_ = true;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void WorkerPool::push(Assign batch) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(batch));
    if (workers_left_ == 0) {
      return_waiting();
    }
  }
  work_ready_.notify_one();
}

std::vector<Result> WorkerPool::take_results() {
  const std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

void WorkerPool::cancel() {
  cancelled_ = true;
  {
    const std::lock_guard lock(mutex_);
    return_waiting();
  }
  waker_.wake();
}

void WorkerPool::return_waiting() {
  for (const Assign& batch : std::exchange(waiting_, {})) {
    ready_.push_back({.batch = batch.batch, .workers_left = workers_left_});
  }
}

void WorkerPool::report(Result result) {
  {
    const std::lock_guard lock(mutex_);
    result.workers_left = workers_left_;
    ready_.push_back(std::move(result));
  }
  waker_.wake();
}

bool WorkerPool::wait_for_batch(Assign& batch) {
  std::unique_lock lock(mutex_);
  work_ready_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
  if (closing_) {
    return false;
  }
  batch = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

void WorkerPool::work(int worker) {
  Assign batch;
  std::unique_ptr<Trainer> trainer;
  while (wait_for_batch(batch)) {
    try {
      if (!trainer) {
        trainer = factory_(worker);
      }
      report(train(*trainer, worker, batch));
    } catch (const DeviceError& error) {
      // The device is gone: this worker resigns and its batch, without records, goes back to the queue.
      {
        const std::lock_guard lock(mutex_);
        if (--workers_left_ == 0) {
          return_waiting();
        }
      }
      report({.batch = batch.batch, .resignation = error.what()});
      return;
    }
  }
}

Result WorkerPool::train(Trainer& trainer, int worker, const Assign& batch) {
  const Stopwatch stopwatch;
  const Job& job = plan_.job();
  Result result;
  result.batch = batch.batch;
  ByteWriter out;
  for (const RunRange& range : batch.ranges) {
    const std::int64_t end = range.first + range.count;
    for (std::int64_t first = range.first; first < end;) {
      const std::vector<RunSpec> runs = runs_of_one_problem(plan_, first, end);
      first += static_cast<std::int64_t>(runs.size());
      if (cancelled_) {
        continue;
      }
      std::vector<RunRecord> records;
      try {
        const ProblemKey key{runs.front().seed, runs.front().width, runs.front().activation};
        const Problem problem = make_problem(job.data, key, job.training.initial_weights, dataset_);
        records = trainer.train(
            {problem, job.data, job.training, job.record, runs, plan_.wanted_solver(), cancelled_, checkpoints_});
      } catch (const DeviceError&) {
        throw;
      } catch (const std::exception& error) {
        records = fail_all(plan_, runs, error.what());
      }
      for (RunRecord& record : records) {
        record.worker = first_worker_ + worker;
        encode(record, out);
        ++result.count;
      }
    }
  }
  result.records = out.take();
  result.seconds = stopwatch.seconds();
  return result;
}

}  // namespace fasweep
