#include "cluster/worker_pool.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <list>
#include <optional>
#include <utility>

#include "train/train_loop.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

using Part = WorkerPool::Part;

/// The settings, made once for all runs of a batch that have them.
const RunSettings* share_settings(std::list<RunSettings>& known, RunSettings settings) {
  const auto found = std::find(known.rbegin(), known.rend(), settings);  // most likely those of the run before
  return found != known.rend() ? &*found : &known.emplace_back(std::move(settings));
}

/// The runs of a batch, in its order.
std::vector<Part> split_batch(const Plan& plan, const Assign& batch, std::list<RunSettings>& settings) {
  std::vector<Part> parts;
  for (const RunRange& range : batch.ranges) {
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      const std::int64_t problem = plan.problem_of(run);
      Point point = plan.point(run);
      const RunSpec spec = point.run;
      const RunSettings* own = share_settings(settings, plan.settings(std::move(point)));
      if (parts.empty() || parts.back().problem != problem || parts.back().settings != own) {
        parts.push_back({problem, own, {}});
      }
      parts.back().runs.push_back(spec);
    }
  }
  return parts;
}

bool have_one_shape(const Part& a, const Part& b) {
  const DataSettings& x = a.settings->data;
  const DataSettings& y = b.settings->data;
  return a.runs.front().width == b.runs.front().width && a.runs.front().activation == b.runs.front().activation &&
         x.samples == y.samples && x.test_samples == y.test_samples && x.inputs == y.inputs && x.outputs == y.outputs &&
         x.checksum == y.checksum;
}

/// The end of the parts from `first` on that are trained together: of at most `problems` problems, of one shape.
std::span<const Part>::iterator end_of_group(std::span<const Part> parts, int problems) {
  std::int64_t problem = parts.front().problem;
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    problems -= part->problem == problem ? 0 : 1;
    problem = part->problem;
    if (problems == 0 || !have_one_shape(parts.front(), *part)) {
      return part;
    }
  }
  return parts.end();
}

std::vector<RunRecord> fail_all(const Plan& plan, const Part& part, const std::string& why) {
  std::vector<RunRecord> records;
  for (const RunSpec& run : part.runs) {
    records.push_back(failed_record(run, part.settings->data, part.settings->training, part.settings->record,
                                    plan.solver(run.run), why));
  }
  return records;
}

}  // namespace

WorkerPool::WorkerPool(const Plan& plan, std::span<const Dataset> datasets, std::span<const InitialState> states,
                       const TrainerFactory& factory, int cores, int devices, Waker& waker, Checkpoints* checkpoints,
                       const FirstStepCheck* first_step)
    : plan_(plan),
      datasets_(datasets),
      states_(states),
      factory_(factory),
      waker_(waker),
      checkpoints_(checkpoints),
      first_step_(first_step) {
  const int device_workers = workers_a_device * devices;
  for (int worker = 0; worker < device_workers + cores; ++worker) {
    progress_.emplace_back(plan);
  }
  start(Crew::devices, device_workers);
  start(Crew::cores, cores);
}

void WorkerPool::start(Crew crew, int workers) {
  queue_of(crew).workers_left = workers;
  for (; workers > 0; --workers) {
    const auto worker = static_cast<int>(threads_.size());
    threads_.emplace_back([this, crew, worker] { work(crew, worker); });
  }
}

WorkerPool::~WorkerPool() {
  cancelled_ = true;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  for (Queue& queue : queues_) {
    queue.work_ready.notify_all();
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void WorkerPool::push(Assign batch) {
  const Crew crew = batch.crew;
  Queue& queue = queue_of(crew);
  {
    const std::lock_guard lock(mutex_);
    queue.waiting.push_back(std::move(batch));
    if (queue.workers_left == 0) {
      return_waiting(crew);
    }
  }
  queue.work_ready.notify_one();
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
    return_waiting(Crew::cores);
    return_waiting(Crew::devices);
  }
  waker_.wake();
}

void WorkerPool::return_waiting(Crew crew) {
  Queue& queue = queue_of(crew);
  for (const Assign& batch : std::exchange(queue.waiting, {})) {
    ready_.push_back({.batch = batch.batch, .crew = crew, .workers_left = queue.workers_left});
  }
}

void WorkerPool::report(int worker, Result result) {
  progress_[static_cast<std::size_t>(worker)].end();
  {
    const std::lock_guard lock(mutex_);
    result.workers_left = queue_of(result.crew).workers_left;
    ready_.push_back(std::move(result));
  }
  waker_.wake();
}

bool WorkerPool::wait_for_batch(Crew crew, Assign& batch) {
  Queue& queue = queue_of(crew);
  const bool takes_tasks = crew == Crew::cores;
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_ += takes_tasks ? 1 : 0;
    queue.work_ready.wait(lock, [&] { return closing_ || !queue.waiting.empty() || (takes_tasks && !tasks_.empty()); });
    idle_ -= takes_tasks ? 1 : 0;
    if (!takes_tasks || tasks_.empty()) {
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
  batch = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  return true;
}

bool WorkerPool::take(std::function<void()> task) {
  Queue& cores = queue_of(Crew::cores);
  {
    const std::lock_guard lock(mutex_);
    if (idle_ <= cores.waiting.size() + tasks_.size()) {
      return false;
    }
    tasks_.push_back(std::move(task));
  }
  cores.work_ready.notify_one();
  return true;
}

void WorkerPool::work(Crew crew, int worker) {
  Assign batch;
  std::unique_ptr<Trainer> trainer;
  while (wait_for_batch(crew, batch)) {
    try {
      if (!trainer) {
        trainer = factory_(worker);
      }
      report(worker, train(*trainer, worker, batch));
    } catch (const DeviceError& error) {
      // The device is gone: this worker resigns and its batch, without records, goes back to the queue.
      {
        const std::lock_guard lock(mutex_);
        if (--queue_of(crew).workers_left == 0) {
          return_waiting(crew);
        }
      }
      report(worker, {.batch = batch.batch, .crew = crew, .resignation = error.what()});
      return;
    }
  }
}

Result WorkerPool::train(Trainer& trainer, int worker, const Assign& batch) {
  const Stopwatch stopwatch;
  BatchProgress& progress = progress_[static_cast<std::size_t>(worker)];
  progress.begin(batch.batch);
  std::list<RunSettings> settings;
  const std::vector<Part> all = split_batch(plan_, batch, settings);
  Result result;
  result.batch = batch.batch;
  result.crew = batch.crew;
  ByteWriter out;
  for (std::span<const Part> parts(all); !parts.empty() && !cancelled_;) {
    const int most = trainer.problems_at_once(parts.front().settings->data, parts.front().runs.front().width);
    const auto group = static_cast<std::size_t>(end_of_group(parts, most) - parts.begin());
    for (RunRecord& record : train_parts(trainer, parts.first(group), progress)) {
      record.worker = first_worker_ + worker;
      encode(record, out);
      ++result.count;
    }
    parts = parts.subspan(group);
  }
  result.records = out.take();
  result.seconds = stopwatch.seconds();
  result.restored = progress.restored();
  return result;
}

std::vector<RunRecord> WorkerPool::train_parts(Trainer& trainer, std::span<const Part> parts,
                                               ProgressListener& listener) {
  try {
    std::vector<Problem> problems;
    std::int64_t made = 0;  // the last problem
    std::vector<TrainingRequest> requests;
    problems.reserve(parts.size());  // requests refer to them
    for (const Part& part : parts) {
      const RunSettings& settings = *part.settings;
      if (problems.empty() || part.problem != made) {
        problems.push_back(make_problem(settings.data, problem_key(part.runs.front()), settings.training,
                                        find_dataset(datasets_, settings.data.checksum),
                                        find_state(states_, settings.training.initial_state.checksum)));
        made = part.problem;
      }
      requests.push_back({problems.back(), settings.data, settings.training, settings.record, part.runs,
                          plan_.wanted_solver(), cancelled_, checkpoints_, &listener, this, nullptr, first_step_});
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
