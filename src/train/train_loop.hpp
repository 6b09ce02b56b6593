// The training loop all solvers share: observe, stop, step. A solver supplies the state of one run; how it steps is its
// own business, when it records and stops is decided here, so solvers cannot differ in it.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/metric_layout.hpp"
#include "model/observation.hpp"
#include "model/run_memory.hpp"
#include "model/snapshot.hpp"
#include "model/stop/monitor.hpp"
#include "train/checkpoint.hpp"
#include "train/first_step.hpp"
#include "train/trainer.hpp"
#include "util/bytes.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {

/// Where a run stood when its state was saved.
struct SavedAt {
  std::int64_t step = 0;
  std::size_t observations = 0;  // made so far
};

/// State of one run at a step t, forward pass done; read for snapshots at recorded steps.
template <class State>
concept RunState = std::derived_from<State, NetworkReader> &&
    requires(State state, const State constant, double step_size, double ridge, ByteWriter out, ByteReader in,
             SavedAt at) {
  { constant.loss() } -> std::same_as<double>;            // of the batch of step t, without ridge
  { constant.decayed_square() } -> std::same_as<double>;  // squared norm of what the ridge decays at t
  { state.observe() } -> std::same_as<Observation>;       // all of Observation but `ridge`
  {state.advance(step_size, ridge)};                      // to t + 1 with eta(t) and lambda(t), forward pass included
  {state.save(out)};                                      // all that the steps from t on, bit for bit, depend on
  {state.restore(in, at)};  // of the same run; throws TransportError, and is of no use then
};

/// A state that fills in part of its observations at the end, in one go for all of them.
template <class State>
concept CompletesObservations = requires(State state, std::span<Observation> observations) {
  {state.complete(observations)};  // every observation made, in order
};

/// Begins every checkpoint. The second number changes when Observation keeps its size but not its meaning, or when the
/// loop saves something else around the solver's state.
inline constexpr std::uint64_t checkpoint_layout = layout_of<Observation>(2);

/// Follows it where a CPU trained the run; devices have marks of their own (backend/cuda/batch_loop.hpp). The step
/// comes next.
inline constexpr std::int32_t cpu_mark = 1;

/// Why a checkpoint that begins otherwise is not continued.
inline constexpr std::string_view other_layout =
    "its checkpoint has another layout (another version of fasweep wrote it)";

/// Collects the record of one run.
class Recorder {
 public:
  Recorder(const RunSpec& run, const TrainingRequest& request, Solver solver);

  /// Whether the trajectory wants step t; call with t = 0, 1, 2, ...
  [[nodiscard]] bool wants(std::int64_t step) const { return next_ < steps_.size() && steps_[next_] == step; }

  /// Takes the observation of the step asked about last; is_recorded: it belongs to the trajectory.
  void add(const Observation& observation, bool is_recorded);

  /// Whether a recorded metric or the request's visitor reads snapshots: take() then follows every add(), with the
  /// step's snapshot.
  [[nodiscard]] bool reads_snapshots() const { return snapshot_size_ > 0 || visitor_ != nullptr; }
  void take(const Snapshot& snapshot);

  /// All observations, in the order they were added.
  [[nodiscard]] std::span<Observation> observations() { return observations_; }

  /// What it has collected, for a recorder of the same run to continue. next_step: the first that it was not asked
  /// about. Throws TransportError.
  void save(ByteWriter& out) const;
  void restore(ByteReader& in, std::int64_t next_step);

  /// The finished record; the last observation added is that of step `steps`. seconds: of training since the recorder
  /// was made; those of its clock if nothing is given.
  [[nodiscard]] RunRecord finish(std::int64_t steps, StopReason reason, std::optional<double> seconds = {});

 private:
  [[nodiscard]] std::vector<double> values(std::size_t point) const;
  [[nodiscard]] Observation marked(std::size_t point) const;

  std::span<const std::int64_t> steps_;
  const std::vector<int>& metrics_;
  SnapshotVisitor* visitor_;
  MetricLayout layout_;
  std::size_t snapshot_size_;  // numbers of a step that come from its snapshot
  double vanished_share_;      // of the first step's loss, at which gradients are rounding
  std::size_t next_ = 0;
  std::vector<Observation> observations_;
  std::vector<double> snapshot_values_;  // observations x snapshot_size_
  RunRecord record_;
  double earlier_s_ = 0;  // trained before it was restored
  Stopwatch stopwatch_;
};

/// A record of a run that could not be trained.
[[nodiscard]] RunRecord failed_record(const RunSpec& run, const DataSettings& data, const TrainingSettings& training,
                                      const RecordSettings& record, Solver solver, std::string error);

/// Read what a checkpoint says next; throw TransportError unless it can be so. The step is below `end`: a run that is
/// at its last one is over.
[[nodiscard]] std::int64_t get_step(ByteReader& in, std::int64_t end);
[[nodiscard]] StopMemory get_stop_memory(ByteReader& in);

/// One run in training.
template <RunState State>
class RunTraining {
 public:
  RunTraining(State& state, const RunSpec& run, const TrainingRequest& request, Solver solver)
      : state_(state),
        run_(run),
        request_(request),
        solver_(solver),
        checkpoints_(request.checkpoints),
        monitor_(request.training.stop, request.training.schedule, run.step_size, run.ridge, request.training.max_steps,
                 request.training.step_schedule),
        recorder_(run, request, solver),
        memory_(request.record.metrics, request.problem, request.training, run),
        save_timer_(checkpoints_ == nullptr ? std::numeric_limits<double>::infinity() : checkpoints_->interval_s()),
        tell_timer_(request.listener == nullptr ? std::numeric_limits<double>::infinity() : tell_interval_s) {
    if (memory_.sees_steps()) {
      memory_.begin(snapshot().initial());
    }
  }

  /// Takes up what was saved of this run. If it cannot be used, says why, and training and state are of no use either.
  [[nodiscard]] bool restore(std::span<const std::byte> saved) {
    try {
      take_up(saved);
    } catch (const TransportError& error) {
      checkpoints_->tell("run " + std::to_string(run_.run) + " starts over: " + error.what());
      return false;
    }
    checkpoints_->tell("run " + std::to_string(run_.run) + " continues at step " + std::to_string(step_));
    return true;
  }

  /// After restore().
  [[nodiscard]] RunRecord go_on() {
    tell();
    advance();
    return train();
  }

  [[nodiscard]] RunRecord train() {
    for (;; advance()) {
      if (has_failed()) [[unlikely]] {
        return fail();
      }
      if (const std::optional<StopReason> reason = check()) {
        return finish(*reason);
      }
      if (recorder_.wants(step_)) {
        observe();
      }
      if (tell_timer_.is_due(step_)) {
        tell();
        tell_timer_.restart();
      }
      const bool cancelled = request_.cancelled.load(std::memory_order_relaxed);
      if (checkpoints_ != nullptr && (cancelled ? save_timer_.is_worth_saving() : save_timer_.is_due(step_))) {
        save();
      }
      if (cancelled) {
        return finish(StopReason::interrupted);
      }
    }
  }

 private:
  [[nodiscard]] double ridge() const { return run_.ridge * schedule_factor(request_.training.schedule, step_); }

  [[nodiscard]] double step_size() const {
    return run_.step_size * schedule_factor(request_.training.step_schedule, step_);
  }

  [[nodiscard]] Snapshot snapshot() const {
    return {request_.problem, request_.training, run_, step_, state_, &memory_};
  }

  void advance() {
    if (memory_.sees_steps()) {
      memory_.leave(snapshot());
    }
    if (step_ == 0) [[unlikely]] {
      expect_first_step();
    }
    state_.advance(step_size(), ridge());
    ++step_;
    if (step_ == 1) [[unlikely]] {
      compare_first_step();
    }
  }

  // Never inlined: what is done once must not change how the loop is compiled.

  [[gnu::noinline]] void expect_first_step() {
    if (request_.first_step != nullptr) {
      expected_ = request_.first_step->expect(snapshot(), request_.data);
    }
  }
  [[gnu::noinline]] void compare_first_step() {
    if (expected_ != nullptr) {
      first_step_ = expected_->compare(snapshot());
      expected_.reset();
    }
  }
  [[nodiscard]] bool has_failed() const { return step_ == 1 && !first_step_.mismatch.empty(); }

  [[nodiscard, gnu::noinline]] RunRecord fail() {
    RunRecord record = failed_record(run_, request_.data, request_.training, request_.record, solver_,
                                     std::move(first_step_.mismatch));
    record.first_step_deviation = first_step_.deviation;
    return record;
  }

  [[nodiscard]] std::optional<StopReason> check() {
    const double loss = state_.loss();
    if (memory_.sees_steps()) {
      memory_.reach(loss);
    }
    const double regularized =
        monitor_.wants_regularized_loss(step_) ? loss + 0.5 * ridge() * state_.decayed_square() : loss;
    return monitor_.check(step_, loss, regularized);
  }

  void observe() {
    Observation observation = state_.observe();
    observation.ridge = ridge();
    recorder_.add(observation, recorder_.wants(step_));
    if (recorder_.reads_snapshots()) {
      recorder_.take(snapshot());
    }
  }

  [[nodiscard]] RunRecord finish(StopReason reason) {
    observe();
    if constexpr (CompletesObservations<State>) {
      state_.complete(recorder_.observations());
    }
    if (reason != StopReason::interrupted) {
      tell_of_steps(step_);
    }
    RunRecord record = recorder_.finish(step_, reason);
    record.first_step_deviation = first_step_.deviation;
    return record;
  }

  /// A run that is not over is measured by the steps it may make, one that is by those it has made.
  void tell() { tell_of_steps(monitor_.last_step()); }
  void tell_of_steps(std::int64_t all) {
    if (request_.listener != nullptr) {
      const auto steps = static_cast<double>(std::max<std::int64_t>(all, 1));
      const auto restored = static_cast<double>(restored_) / steps;
      request_.listener->reached(run_.run, step_ >= all ? 1 : static_cast<double>(step_) / steps, restored);
    }
  }

  /// At step t everything but the update is done, so that the continued run begins with the update.
  void save() {
    ByteWriter out;
    out.put(checkpoint_layout);
    out.put(cpu_mark);
    out.put(step_);
    out.put(monitor_.memory().previous);
    out.put(monitor_.memory().exploding_loss);
    recorder_.save(out);
    if (memory_.sees_steps()) {
      memory_.save(out);
    }
    state_.save(out);
    if (first_step_.is_checked()) {
      out.put(first_step_.deviation);
    }
    checkpoints_->save(run_.run, solver_, out.view());
    save_timer_.restart();
  }

  void take_up(std::span<const std::byte> saved) {
    ByteReader in(saved);
    if (in.get<std::uint64_t>() != checkpoint_layout) {
      throw TransportError(std::string(other_layout));
    }
    if (in.get<std::int32_t>() != cpu_mark) {
      throw TransportError("its checkpoint was written by a GPU; continue with --backend cuda to resume it");
    }
    restored_ = step_ = get_step(in, monitor_.last_step());
    monitor_.remember(get_stop_memory(in));
    recorder_.restore(in, step_ + 1);
    if (memory_.sees_steps()) {
      memory_.restore(in);
    }
    state_.restore(in, {step_, recorder_.observations().size()});
    if (in.left() > 0) {  // of a run that was checked, as earlier versions did none
      first_step_.deviation = get_finite<double>(in, 1)[0];
    }
    check_end(in);
  }

  State& state_;
  const RunSpec& run_;
  const TrainingRequest& request_;
  Solver solver_;
  Checkpoints* checkpoints_;
  StopMonitor monitor_;
  Recorder recorder_;
  RunMemory memory_;
  std::unique_ptr<ExpectedStep> expected_;  // during the first step
  FirstStep first_step_;
  StepTimer save_timer_;
  StepTimer tell_timer_;
  std::int64_t step_ = 0;      // t of the state
  std::int64_t restored_ = 0;  // t it had when it came from its checkpoint
};

/// Trains a run from step 0, or from its checkpoint, until its stop rule, divergence, max-steps or cancellation.
/// make_state() gives its state at step 0.
template <class MakeState>
[[nodiscard]] RunRecord train_run(MakeState make_state, const RunSpec& run, const TrainingRequest& request,
                                  Solver solver) {
  using State = std::invoke_result_t<MakeState>;
  static_assert(RunState<State>);
  if (request.checkpoints != nullptr) {
    if (const std::optional<Bytes> saved = request.checkpoints->load(run.run, solver)) {
      State state = make_state();
      RunTraining<State> training(state, run, request, solver);
      if (training.restore(*saved)) {
        return training.go_on();
      }
    }
  }
  State state = make_state();
  return RunTraining<State>(state, run, request, solver).train();
}

}  // namespace fasweep
