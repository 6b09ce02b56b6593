#include "cluster/worker_pool.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <optional>
#include <utility>

#include "train/train_loop.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

using RunsOfProblem = WorkerPool::RunsOfProblem;

/// The runs of a batch, in its order.
std::vector<RunsOfProblem> split_by_problem(const Plan& plan, const Assign& batch) {
  std::vector<RunsOfProblem> parts;
  for (const RunRange& range : batch.ranges) {
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      if (run == range.first || run % plan.runs_per_problem() == 0) {
        parts.emplace_back();
      }
      parts.back().push_back(plan.at(run));
    }
  }
  return parts;
}

bool have_one_shape(const RunsOfProblem& a, const RunsOfProblem& b) {
  return a.front().width == b.front().width && a.front().activation == b.front().activation;
}

std::vector<RunRecord> fail_all(const Plan& plan, const std::vector<RunSpec>& runs, const std::string& why) {
  std::vector<RunRecord> records;
  for (const RunSpec& run : runs) {
    records.push_back(
        failed_record(run, plan.job().data, plan.job().training, plan.job().record, plan.solver(run.run), why));
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
    progress_.emplace_back(plan);
  }
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

std::vector<BatchWork> WorkerPool::work_under_way() const {
  std::vector<BatchWork> under_way;
  for (const BatchProgress& progress : progress_) {
    if (const std::optional<BatchWork> work = progress.report()) {
      under_way.push_back(*work);
    }
  }
  return under_way;
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

void WorkerPool::report(int worker, Result result) {
  progress_[static_cast<std::size_t>(worker)].end();
  {
    const std::lock_guard lock(mutex_);
    result.workers_left = workers_left_;
    ready_.push_back(std::move(result));
  }
  waker_.wake();
}

bool WorkerPool::wait_for_batch(Assign& batch) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    work_ready_.wait(lock, [this] { return closing_ || !waiting_.empty() || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) {
      break;
    }
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
  if (closing_) {
    return false;
  }
  batch = std::move(waiting_.front());
  waiting_.pop_front();
  return true;
}

bool WorkerPool::take(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (idle_ <= waiting_.size() + tasks_.size()) {
      return false;
    }
    tasks_.push_back(std::move(task));
  }
  work_ready_.notify_one();
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
      report(worker, train(*trainer, worker, batch));
    } catch (const DeviceError& error) {
      // The device is gone: this worker resigns and its batch, without records, goes back to the queue.
      {
        const std::lock_guard lock(mutex_);
        if (--workers_left_ == 0) {
          return_waiting();
        }
      }
      report(worker, {.batch = batch.batch, .resignation = error.what()});
      return;
    }
  }
}

Result WorkerPool::train(Trainer& trainer, int worker, const Assign& batch) {
  const Stopwatch stopwatch;
  BatchProgress& progress = progress_[static_cast<std::size_t>(worker)];
  progress.begin(batch.batch);
  const std::vector<RunsOfProblem> parts = split_by_problem(plan_, batch);
  Result result;
  result.batch = batch.batch;
  ByteWriter out;
  for (auto part = parts.begin(); part != parts.end() && !cancelled_;) {
    const int most = trainer.problems_at_once(plan_.job().data, part->front().width);
    const auto end =
        std::find_if(part, parts.begin() + std::min(parts.end() - parts.begin(), part - parts.begin() + most),
                     [&](const RunsOfProblem& other) { return !have_one_shape(*part, other); });
    for (RunRecord& record : train_parts(trainer, {part, end}, progress)) {
      record.worker = first_worker_ + worker;
      encode(record, out);
      ++result.count;
    }
    part = end;
  }
  result.records = out.take();
  result.seconds = stopwatch.seconds();
  result.restored = progress.restored();
  return result;
}

std::vector<RunRecord> WorkerPool::train_parts(Trainer& trainer, std::span<const RunsOfProblem> parts,
                                               ProgressListener& listener) {
  const Job& job = plan_.job();
  try {
    std::vector<Problem> problems;
    std::vector<TrainingRequest> requests;
    problems.reserve(parts.size());  // requests refer to them
    for (const RunsOfProblem& runs : parts) {
      problems.push_back(make_problem(job.data, {runs.front().seed, runs.front().width, runs.front().activation},
                                      job.training.initial_weights, dataset_));
      requests.push_back({problems.back(), job.data, job.training, job.record, runs, plan_.wanted_solver(), cancelled_,
                          checkpoints_, &listener, this});
    }
    return trainer.train_together(requests);
  } catch (const DeviceError&) {
    throw;
  } catch (const std::exception& error) {
    if (parts.size() == 1) {
      return fail_all(plan_, parts.front(), error.what());
    }
  }
  // One of them fails; the others need not.
  std::vector<RunRecord> records;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    std::vector<RunRecord> more = train_parts(trainer, parts.subspan(part, 1), listener);
    std::move(more.begin(), more.end(), std::back_inserter(records));
  }
  return records;
}

}  // namespace fasweep
