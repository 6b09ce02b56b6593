#include "backend/cuda/batch_loop.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "backend/cuda/device_batch.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

struct TrainedRun {
  const RunSpec& run;
  StopMonitor monitor;
  Recorder recorder;
};

struct Stop {
  std::int64_t step = 0;
  StopReason reason = StopReason::none;
};

class BatchLoop {
 public:
  BatchLoop(const TrainingRequest& request, std::span<const BatchMember> members, Stream& stream)
      : request_(request),
        step_size_(request.training.step_size[static_cast<std::size_t>(members[0].run->activation)]),
        batch_(stream, members[0].run->activation, problems_of(members), batch_runs(members, step_size_)),
        records_(members.size()) {
    for (std::size_t slot = 0; slot < members.size(); ++slot) {
      const TrainingSettings& t = request.training;
      const RunSpec& run = *members[slot].run;
      runs_.push_back({run, StopMonitor(t.stop, t.schedule, step_size_, run.ridge, t.max_steps),
                       Recorder(run, request, Solver::sample_space)});
      active_.push_back(static_cast<int>(slot));
    }
  }

  std::vector<RunRecord> train() {
    while (!active_.empty()) {
      take_chunk();
    }
    for (RunRecord& record : records_) {
      record.wall_s /= static_cast<double>(records_.size());  // its share of the batch's time
    }
    return std::move(records_);
  }

 private:
  /// Each problem once, in order of its first run.
  static std::vector<const Problem*> problems_of(std::span<const BatchMember> members) {
    std::vector<const Problem*> problems;
    for (const BatchMember& member : members) {
      if (std::find(problems.begin(), problems.end(), member.problem) == problems.end()) {
        problems.push_back(member.problem);
      }
    }
    return problems;
  }

  static std::vector<BatchRun> batch_runs(std::span<const BatchMember> members, double step_size) {
    const std::vector<const Problem*> problems = problems_of(members);
    std::vector<BatchRun> batch;
    for (const BatchMember& member : members) {
      const auto problem = std::find(problems.begin(), problems.end(), member.problem) - problems.begin();
      batch.push_back({static_cast<int>(problem), member.run->rule, step_size});
    }
    return batch;
  }

  TrainedRun& at(int slot) { return runs_[static_cast<std::size_t>(slot)]; }

  [[nodiscard]] double ridge(const RunSpec& run, std::int64_t step) const {
    return run.ridge * schedule_factor(request_.training.schedule, step);
  }

  /// Steps until the next recorded one; at least 1.
  [[nodiscard]] int chunk_length() const {
    const std::vector<std::int64_t>& steps = request_.record.steps;
    const auto next = std::upper_bound(steps.begin(), steps.end(), step_);
    const std::int64_t left = next == steps.end() ? 1 : *next - step_;
    return static_cast<int>(std::min<std::int64_t>(left, max_steps_a_chunk));
  }

  [[nodiscard]] std::vector<float> decays(int count) const {
    std::vector<float> decays;
    for (int offset = 0; offset < count; ++offset) {
      for (const TrainedRun& trained : runs_) {
        decays.push_back(static_cast<float>(1 - step_size_ * ridge(trained.run, step_ + offset)));
      }
    }
    return decays;
  }

  void take_chunk() {
    const bool cancelled = request_.cancelled.load(std::memory_order_relaxed);
    const int count = cancelled ? 1 : chunk_length();
    const bool recorded = at(active_[0]).recorder.wants(step_);
    batch_.save();
    if (recorded) {
      batch_.observe(step_);
    }
    const std::vector<std::int64_t> no_limit(runs_.size(), std::numeric_limits<std::int64_t>::max());
    batch_.advance(step_, count, decays(count), no_limit);
    const std::vector<DeviceBatch::Seen> seen = batch_.seen(count);
    if (recorded) {
      const std::vector<Observation> observations = batch_.observations();
      for (const int slot : active_) {
        add(slot, observations[static_cast<std::size_t>(slot)], step_, true);
      }
    }
    std::vector<std::optional<Stop>> stops(runs_.size());
    for (const int slot : active_) {
      stops[static_cast<std::size_t>(slot)] = find_stop(slot, count, seen, cancelled);
    }
    finish_stopped(stops, recorded);
    step_ += count;
  }

  void add(int slot, Observation observation, std::int64_t step, bool is_recorded) {
    observation.ridge = ridge(at(slot).run, step);
    at(slot).recorder.add(observation, is_recorded);
  }

  /// The first of the chunk's steps at which a run should end.
  [[nodiscard]] std::optional<Stop> find_stop(int slot, int count, std::span<const DeviceBatch::Seen> seen,
                                              bool cancelled) {
    for (int offset = 0; offset < count; ++offset) {
      const DeviceBatch::Seen& now =
          seen[static_cast<std::size_t>(offset) * runs_.size() + static_cast<std::size_t>(slot)];
      const std::int64_t step = step_ + offset;
      const double loss = 0.5 * now.squared_error;
      const double regularized = loss + 0.5 * ridge(at(slot).run, step) * now.output_square;
      if (const std::optional<StopReason> reason = at(slot).monitor.check(step, loss, regularized)) {
        return Stop{step, *reason};
      }
    }
    return cancelled ? std::optional<Stop>({step_, StopReason::interrupted}) : std::nullopt;
  }

  /// Takes stopped runs back to where they stopped, observes and records them there, and leaves them out from now on.
  void finish_stopped(std::span<const std::optional<Stop>> stops, bool recorded) {
    std::vector<std::int64_t> limits(runs_.size(), 0);
    std::int64_t last = step_;
    std::vector<int> left;
    for (const int slot : active_) {
      if (const std::optional<Stop>& stop = stops[static_cast<std::size_t>(slot)]) {
        batch_.restore(slot);
        limits[static_cast<std::size_t>(slot)] = stop->step;
        last = std::max(last, stop->step);
      } else {
        left.push_back(slot);
      }
    }
    if (left.size() == active_.size()) {
      return;
    }
    if (const int again = static_cast<int>(last - step_); again > 0) {
      batch_.advance(step_, again, decays(again), limits);
    }
    for (const int slot : active_) {
      if (const std::optional<Stop>& stop = stops[static_cast<std::size_t>(slot)]) {
        finish(slot, *stop, recorded && stop->step == step_);
      }
    }
    active_ = left;
    if (!active_.empty()) {
      batch_.set_active(active_);
    }
  }

  void finish(int slot, const Stop& stop, bool observed_already) {
    if (!observed_already) {
      batch_.set_active(std::span<const int>(&slot, 1));
      batch_.observe(stop.step);
      add(slot, batch_.observations()[static_cast<std::size_t>(slot)], stop.step, false);
    }
    records_[static_cast<std::size_t>(slot)] = at(slot).recorder.finish(stop.step, stop.reason);
  }

  const TrainingRequest& request_;
  double step_size_;
  DeviceBatch batch_;
  std::vector<TrainedRun> runs_;
  std::vector<int> active_;  // slots still in training
  std::vector<RunRecord> records_;
  std::int64_t step_ = 0;
};

}  // namespace

std::vector<RunRecord> train_batch(const TrainingRequest& settings, std::span<const BatchMember> members,
                                   Stream& stream) {
  return BatchLoop(settings, members, stream).train();
}

}  // namespace fasweep
