#include "backend/cuda/resident_loop.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "backend/cuda/device_rules.hpp"
#include "model/observation.hpp"
#include "model/rule/list.hpp"
#include "model/run_memory.hpp"
#include "train/train_loop.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

/// A drain waits for one launch; each costs the host some 50 us and the device its last runs' time.
constexpr double launch_seconds = 0.25;
constexpr std::int64_t first_launch_steps = 256;

std::vector<ResidentRun> resident_runs(const TrainingRequest& settings, std::span<const BatchMember> members) {
  const TrainingSettings& t = settings.training;
  const BatchParts parts = parts_of(members);
  std::vector<ResidentRun> runs;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const RunSpec& run = *members[i].run;
    const StopMonitor monitor(t.stop, t.schedule, run.step_size, run.ridge, t.max_steps, t.step_schedule);
    runs.push_back({run.step_size, run.ridge, monitor.last_step(), monitor.last_step_reason(), device_rule(run.rule),
                    parts.runs[i].problem});
  }
  return runs;
}

class ResidentLoop {
 public:
  ResidentLoop(Stream& stream, DeviceClock& clock, const TrainingRequest& settings,
               std::span<const BatchMember> members, const ResidentBatch& sizes, std::span<const ResidentStart> starts)
      : clock_(clock),
        settings_(settings),
        members_(members),
        runs_(resident_runs(settings, members)),
        batch_(stream, members[0].run->activation, sizes, settings.training, settings.record.steps, starts, runs_),
        save_timer_(settings.checkpoints == nullptr ? std::numeric_limits<double>::infinity()
                                                    : settings.checkpoints->interval_s()),
        clusters_(static_cast<std::size_t>(sizes.clusters)),
        records_(members.size()),
        trained_(members.size()) {
    active_.resize(members.size());
    std::iota(active_.begin(), active_.end(), 0);
    for (std::size_t i = 0; i < members.size(); ++i) {
      recorders_.emplace_back(*members[i].run, settings, Solver::sample_space);
      if (!members[i].saved.empty()) {
        restore(static_cast<int>(i));
      }
      trained_[i].first_step = batch_.progress()[i].step;
    }
    reads_snapshots_ = recorders_[0].reads_snapshots();
    longest_first();
  }

  std::vector<RunRecord> train() {
    while (!active_.empty()) {
      if (settings_.cancelled.load(std::memory_order_relaxed)) {
        interrupt();
        break;
      }
      launch();
      finish_ended();
      if (settings_.checkpoints != nullptr && save_timer_.is_due(++launches_)) {
        save();
      }
    }
    return std::move(records_);
  }

 private:
  [[nodiscard]] const RunSpec& spec(int run) const { return *members_[static_cast<std::size_t>(run)].run; }
  [[nodiscard]] Recorder& recorder(int run) { return recorders_[static_cast<std::size_t>(run)]; }
  [[nodiscard]] const ResidentProgress& progress(int run) const {
    return batch_.progress()[static_cast<std::size_t>(run)];
  }
  [[nodiscard]] std::int64_t last_step(int run) const { return runs_[static_cast<std::size_t>(run)].last_step; }

  /// So that the clusters end together: those with the most steps to go begin.
  void longest_first() {
    std::stable_sort(active_.begin(), active_.end(), [this](int a, int b) {
      return last_step(a) - progress(a).step > last_step(b) - progress(b).step;
    });
  }

  /// The next step, from `step` on, that is recorded; nothing after the last.
  [[nodiscard]] std::optional<std::int64_t> next_recorded(std::int64_t step) const {
    const std::vector<std::int64_t>& recorded = settings_.record.steps;
    const auto next = std::lower_bound(recorded.begin(), recorded.end(), step);
    return next == recorded.end() ? std::nullopt : std::optional(*next);
  }

  /// Of the network as the run stands, at a step that is its last or is observed next.
  void take_snapshot(int run) {
    Trained& trained = trained_[static_cast<std::size_t>(run)];
    const std::int64_t step = progress(run).step;
    if (trained.snapshot_step == step) {
      return;
    }
    trained.snapshot_step = step;
    const Problem& problem = *members_[static_cast<std::size_t>(run)].problem;
    const std::unique_ptr<NetworkReader> network = batch_.copy_network(run, problem);
    std::optional<RunMemory>& memory = trained.memory;
    if (!memory) {
      memory.emplace(settings_.record.metrics, problem, settings_.training, spec(run));
    }
    recorder(run).take(Snapshot(problem, settings_.training, spec(run), step, *network, &*memory));
  }

  /// Where snapshots are wanted, the host looks at each run at each recorded step: one run a cluster then, none of
  /// which passes a recorded step in this launch.
  void prepare_snapshots(std::vector<int>& now, std::int64_t& most_steps) {
    now.resize(std::min(now.size(), clusters_));
    for (const int run : now) {
      const std::int64_t step = progress(run).step;
      if (next_recorded(step) == step) {
        take_snapshot(run);
      }
      if (const std::optional<std::int64_t> next = next_recorded(step + 1)) {
        most_steps = std::min(most_steps, *next - step);
      }
    }
  }

  void launch() {
    std::vector<int> now = active_;
    std::int64_t most_steps = launch_steps_;
    if (reads_snapshots_) {
      prepare_snapshots(now, most_steps);
    }
    std::vector<int> observed;  // before the launch
    std::vector<std::int64_t> steps;
    for (const int run : now) {
      observed.push_back(progress(run).observations);
      steps.push_back(progress(run).step);
    }
    const Stopwatch stopwatch;
    const DeviceTurn turn(clock_);
    batch_.train(now, most_steps);
    const double seconds = turn.seconds();
    const double growth = launch_seconds / std::max(stopwatch.seconds(), 1e-9);
    constexpr double most_launch_steps = 1e9;  // launches that end early would let it grow for ever
    launch_steps_ = static_cast<std::int64_t>(
        std::clamp(static_cast<double>(launch_steps_) * std::clamp(growth, 0.25, 8.0), 1.0, most_launch_steps));
    double all_steps = 0;
    for (std::size_t i = 0; i < now.size(); ++i) {
      all_steps += static_cast<double>(progress(now[i]).step - steps[i] + 1);
    }
    for (std::size_t i = 0; i < now.size(); ++i) {
      const int run = now[i];
      trained_[static_cast<std::size_t>(run)].seconds +=
          seconds * static_cast<double>(progress(run).step - steps[i] + 1) / all_steps;
      take_observations(run, observed[i]);
    }
  }

  void take_observations(int run, int first) {
    const ResidentProgress& now = progress(run);
    const int count = now.observations - first;
    if (count == 0) {
      return;
    }
    std::vector<Observation> observations = batch_.observations(run, first, count);
    for (int i = 0; i < count; ++i) {
      const bool is_last = first + i + 1 == now.observations;
      const bool is_recorded = !is_last || now.is_last_recorded != 0;
      const std::int64_t step = is_recorded ? settings_.record.steps[static_cast<std::size_t>(first + i)] : now.step;
      Observation& o = observations[static_cast<std::size_t>(i)];
      o.ridge = spec(run).ridge * schedule_factor(settings_.training.schedule, step);
      recorder(run).add(o, is_recorded);
    }
  }

  void finish_ended() {
    std::vector<int> left;
    for (const int run : active_) {
      const ResidentProgress& now = progress(run);
      if (now.reason == StopReason::none) {
        tell(run, static_cast<double>(last_step(run)));
        left.push_back(run);
        continue;
      }
      tell(run, static_cast<double>(now.step));
      if (reads_snapshots_) {
        take_snapshot(run);
      }
      records_[static_cast<std::size_t>(run)] =
          recorder(run).finish(now.step, now.reason, trained_[static_cast<std::size_t>(run)].seconds);
    }
    active_ = std::move(left);
  }

  /// How many of `all` steps a run has made.
  void tell(int run, double all) {
    if (settings_.listener != nullptr) {
      const double steps = std::max(all, 1.0);
      const auto made = static_cast<double>(progress(run).step);
      settings_.listener->reached(spec(run).run, made >= all ? 1 : made / steps,
                                  static_cast<double>(trained_[static_cast<std::size_t>(run)].first_step) / steps);
    }
  }

  /// Between launches nothing of a run's next step is observed or judged yet.
  void save() {
    for (const int run : active_) {
      if (progress(run).step == 0) {
        continue;  // no launch had room for it yet, and its network is nowhere
      }
      ByteWriter out;
      out.put(checkpoint_layout);
      out.put(fast_mark);
      out.put(progress(run).step);
      recorder(run).save(out);
      batch_.write(run, out);
      settings_.checkpoints->save(spec(run).run, Solver::sample_space, out.view());
    }
    save_timer_.restart();
  }

  void restore(int run) {
    ByteReader in(members_[static_cast<std::size_t>(run)].saved);
    static_cast<void>(in.get<std::uint64_t>());  // find_saved() has read these three
    static_cast<void>(in.get<std::int32_t>());
    const auto step = in.get<std::int64_t>();
    recorder(run).restore(in, step);
    batch_.read(run, in);
    check_end(in);
    const ResidentProgress& now = progress(run);
    if (now.step != step || static_cast<std::size_t>(now.observations) != recorder(run).observations().size()) {
      throw TransportError("its checkpoint is of step " + std::to_string(step) + " and of step " +
                           std::to_string(now.step));
    }
    settings_.checkpoints->tell("run " + std::to_string(spec(run).run) + " continues at step " + std::to_string(step));
  }

  /// The runs still under way, saved if that is worth it, become records without numbers.
  void interrupt() {
    if (settings_.checkpoints != nullptr && save_timer_.is_worth_saving()) {
      save();
    }
    for (const int run : active_) {
      RunRecord record =
          failed_record(spec(run), settings_.data, settings_.training, settings_.record, Solver::sample_space, "");
      record.status = RunStatus::cancelled;
      record.reason = StopReason::interrupted;
      records_[static_cast<std::size_t>(run)] = std::move(record);
    }
  }

  struct Trained {
    double seconds = 0;  // its share of the launches
    std::int64_t first_step = 0;
    std::int64_t snapshot_step = -1;       // the last that a snapshot was of
    std::optional<RunMemory> memory = {};  // made for the first one
  };

  DeviceClock& clock_;
  const TrainingRequest& settings_;
  std::span<const BatchMember> members_;
  std::vector<ResidentRun> runs_;
  ResidentRuns batch_;
  std::vector<Recorder> recorders_;
  StepTimer save_timer_;
  std::int64_t launches_ = 0;
  std::int64_t launch_steps_ = first_launch_steps;
  std::size_t clusters_;
  bool reads_snapshots_ = false;
  std::vector<int> active_;  // still in training
  std::vector<RunRecord> records_;
  std::vector<Trained> trained_;
};

}  // namespace

std::vector<RunRecord> train_resident(Stream& stream, DeviceClock& clock, const TrainingRequest& settings,
                                      std::span<const BatchMember> members, const ResidentBatch& sizes,
                                      std::span<const ResidentStart> starts) {
  return ResidentLoop(stream, clock, settings, members, sizes, starts).train();
}

}  // namespace fasweep
