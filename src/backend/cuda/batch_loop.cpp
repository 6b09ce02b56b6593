#include "backend/cuda/batch_loop.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "model/observation.hpp"
#include "model/run_memory.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

struct TrainedRun {
  const Problem& problem;
  const RunSpec& run;
  RunMemory memory;  // of what costs much and never changes
  StopMonitor monitor;
  Recorder recorder;
};

struct Stop {
  std::int64_t step = 0;
  StopReason reason = StopReason::none;
};

class BatchLoop {
 public:
  BatchLoop(const TrainingRequest& request, std::span<const BatchMember> members, Solver solver, std::int32_t mark,
            RunBatch& batch, DeviceClock& clock)
      : request_(request),
        solver_(solver),
        mark_(mark),
        batch_(batch),
        turn_(clock),
        save_timer_(request.checkpoints == nullptr ? std::numeric_limits<double>::infinity()
                                                   : request.checkpoints->interval_s()),
        tell_timer_(request.listener == nullptr ? std::numeric_limits<double>::infinity() : tell_interval_s),
        records_(members.size()),
        step_(members[0].step),
        restored_(members[0].step) {
    runs_.reserve(members.size());
    for (std::size_t slot = 0; slot < members.size(); ++slot) {
      const TrainingSettings& t = request.training;
      const RunSpec& run = *members[slot].run;
      runs_.push_back({*members[slot].problem, run, RunMemory(request.record.metrics, *members[slot].problem, t, run),
                       StopMonitor(t.stop, t.schedule, run.step_size, run.ridge, t.max_steps),
                       Recorder(run, request, solver)});
      active_.push_back(static_cast<int>(slot));
      if (!members[slot].saved.empty()) {
        restore(static_cast<int>(slot), members[slot].saved);
      }
    }
    reads_snapshots_ = runs_[0].recorder.reads_snapshots();
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
  TrainedRun& at(int slot) { return runs_[static_cast<std::size_t>(slot)]; }

  [[nodiscard]] double ridge(const RunSpec& run, std::int64_t step) const {
    return run.ridge * schedule_factor(request_.training.schedule, step);
  }

  /// Steps until the next recorded one; at least 1.
  [[nodiscard]] int chunk_length() const {
    const std::vector<std::int64_t>& steps = request_.record.steps;
    const auto next = std::upper_bound(steps.begin(), steps.end(), step_);
    const std::int64_t left = next == steps.end() ? 1 : *next - step_;
    return static_cast<int>(std::min<std::int64_t>(left, batch_.chunk_steps()));
  }

  [[nodiscard]] std::vector<float> decays(int count) const {
    std::vector<float> decays;
    for (int offset = 0; offset < count; ++offset) {
      for (const TrainedRun& trained : runs_) {
        decays.push_back(static_cast<float>(1 - trained.run.step_size * ridge(trained.run, step_ + offset)));
      }
    }
    return decays;
  }

  void take_chunk() {
    const bool cancelled = request_.cancelled.load(std::memory_order_relaxed);
    const int count = cancelled ? 1 : chunk_length();
    const bool recorded = at(active_[0]).recorder.wants(step_);
    if (request_.checkpoints != nullptr && (cancelled ? save_timer_.is_worth_saving() : save_timer_.is_due(step_))) {
      save_runs();
    }
    if (tell_timer_.is_due(step_)) {
      for (const int slot : active_) {
        tell(slot, step_, at(slot).monitor.last_step());
      }
      tell_timer_.restart();
    }
    batch_.save();
    if (recorded) {
      batch_.observe(step_);
      if (reads_snapshots_) {
        for (const int slot : active_) {
          take_snapshot(slot, step_);
        }
      }
    }
    const std::vector<std::int64_t> no_limit(runs_.size(), std::numeric_limits<std::int64_t>::max());
    batch_.advance(step_, count, decays(count), no_limit);
    const std::vector<RunBatch::Seen> seen = batch_.seen(count);
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

  /// How many of `all` steps a run has made.
  void tell(int slot, std::int64_t step, std::int64_t all) {
    if (request_.listener != nullptr) {
      const auto steps = static_cast<double>(std::max<std::int64_t>(all, 1));
      request_.listener->reached(at(slot).run.run, step >= all ? 1 : static_cast<double>(step) / steps,
                                 static_cast<double>(restored_) / steps);
    }
  }

  /// At step_ nothing is observed or checked yet, so that a continued run begins with that.
  void save_runs() {
    for (const int slot : active_) {
      const TrainedRun& trained = at(slot);
      ByteWriter out;
      out.put(checkpoint_layout);
      out.put(mark_);
      out.put(step_);
      out.put(trained.monitor.memory().previous);
      out.put(trained.monitor.memory().exploding_loss);
      trained.recorder.save(out);
      batch_.write(slot, out);
      request_.checkpoints->save(trained.run.run, solver_, out.view());
    }
    save_timer_.restart();
  }

  void restore(int slot, std::span<const std::byte> saved) {
    ByteReader in(saved);
    static_cast<void>(in.get<std::uint64_t>());  // find_saved() has read these three
    static_cast<void>(in.get<std::int32_t>());
    static_cast<void>(in.get<std::int64_t>());
    at(slot).monitor.remember(get_stop_memory(in));
    at(slot).recorder.restore(in, step_);
    batch_.read(slot, in);
    check_end(in);
    request_.checkpoints->tell("run " + std::to_string(at(slot).run.run) + " continues at step " +
                               std::to_string(step_));
  }

  /// Of the run as it stands, at `step`.
  void take_snapshot(int slot, std::int64_t step) {
    TrainedRun& trained = at(slot);
    const std::unique_ptr<NetworkReader> network = batch_.copy_network(slot, trained.problem);
    trained.recorder.take(Snapshot(trained.problem, request_.training, trained.run, step, *network, &trained.memory));
  }

  void add(int slot, Observation observation, std::int64_t step, bool is_recorded) {
    observation.ridge = ridge(at(slot).run, step);
    at(slot).recorder.add(observation, is_recorded);
  }

  /// The first of the chunk's steps at which a run should end.
  [[nodiscard]] std::optional<Stop> find_stop(int slot, int count, std::span<const RunBatch::Seen> seen,
                                              bool cancelled) {
    for (int offset = 0; offset < count; ++offset) {
      const RunBatch::Seen& now =
          seen[static_cast<std::size_t>(offset) * runs_.size() + static_cast<std::size_t>(slot)];
      const std::int64_t step = step_ + offset;
      const double regularized = now.loss + 0.5 * ridge(at(slot).run, step) * now.decayed_square;
      if (const std::optional<StopReason> reason = at(slot).monitor.check(step, now.loss, regularized)) {
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
      if (reads_snapshots_) {
        take_snapshot(slot, stop.step);
      }
    }
    if (stop.reason != StopReason::interrupted) {
      tell(slot, stop.step, stop.step);
    }
    records_[static_cast<std::size_t>(slot)] = at(slot).recorder.finish(stop.step, stop.reason, turn_.seconds());
  }

  const TrainingRequest& request_;
  Solver solver_;
  std::int32_t mark_;
  RunBatch& batch_;
  DeviceTurn turn_;
  StepTimer save_timer_;
  StepTimer tell_timer_;
  std::vector<TrainedRun> runs_;
  bool reads_snapshots_ = false;
  std::vector<int> active_;  // slots still in training
  std::vector<RunRecord> records_;
  std::int64_t step_;      // that all active runs stand at
  std::int64_t restored_;  // step they continued from
};

}  // namespace

BatchParts parts_of(std::span<const BatchMember> members) {
  BatchParts parts;
  for (const BatchMember& member : members) {
    auto problem = std::find(parts.problems.begin(), parts.problems.end(), member.problem);
    if (problem == parts.problems.end()) {
      problem = parts.problems.insert(problem, member.problem);
    }
    parts.runs.push_back({static_cast<int>(problem - parts.problems.begin()), member.run->rule, member.run->step_size});
  }
  return parts;
}

void start_anew(std::span<BatchMember> members, Checkpoints& checkpoints, const TransportError& error) {
  for (BatchMember& member : members) {
    checkpoints.tell("run " + std::to_string(member.run->run) + " starts over: " + error.what());
    member.step = 0;
    member.saved.clear();
  }
}

BatchMember find_saved(const TrainingRequest& request, const RunSpec& run, Solver solver, std::int32_t mark) {
  BatchMember member{&request.problem, &run};
  Checkpoints* checkpoints = request.checkpoints;
  std::optional<Bytes> saved = checkpoints == nullptr ? std::nullopt : checkpoints->load(run.run, solver);
  if (!saved) {
    return member;
  }
  try {
    ByteReader in(*saved);
    if (in.get<std::uint64_t>() != checkpoint_layout) {
      throw TransportError(std::string(other_layout));
    }
    if (const auto found = in.get<std::int32_t>(); found != mark) {
      const std::string whose = found == device_mark ? "the exact kernels; continue with --gpu-arithmetic exact"
                                : found == fast_mark ? "the fast kernels; continue with --gpu-arithmetic fast"
                                                     : "a CPU; continue with --backend cpu";
      throw TransportError("its checkpoint was written by " + whose + " to resume it");
    }
    const TrainingSettings& t = request.training;
    const StopMonitor monitor(t.stop, t.schedule, run.step_size, run.ridge, t.max_steps, t.step_schedule);
    member.step = get_step(in, monitor.last_step() + 1);  // saved before the step was judged
    member.saved = std::move(*saved);
  } catch (const TransportError& error) {
    start_anew({&member, 1}, *checkpoints, error);
  }
  return member;
}

std::vector<RunRecord> train_batch(const TrainingRequest& settings, std::span<const BatchMember> members, Solver solver,
                                   std::int32_t mark, RunBatch& batch, DeviceClock& clock) {
  return BatchLoop(settings, members, solver, mark, batch, clock).train();
}

}  // namespace fasweep
