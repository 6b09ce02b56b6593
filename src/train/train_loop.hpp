// The training loop all solvers share: observe, stop, step. A solver supplies the state of one run; how it steps is its
// own business, when it records and stops is decided here, so solvers cannot differ in it.
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <vector>

#include "model/metric.hpp"
#include "train/trainer.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {

/// State of one run at a step t, forward pass done.
template <class State>
concept RunState = requires(State state, const State constant, double step_size, double ridge) {
  { constant.squared_error() } -> std::same_as<double>;  // sum_i e_i^2 over training samples at t
  { constant.output_square() } -> std::same_as<double>;  // ||beta(t)||^2
  { state.observe() } -> std::same_as<Observation>;      // all of Observation but `ridge`
  {state.advance(step_size, ridge)};                     // to t + 1 with eta and lambda(t), forward pass included
};

/// A state that fills in part of its observations at the end, in one go for all of them.
template <class State>
concept CompletesObservations = requires(State state, std::span<Observation> observations) {
  {state.complete(observations)};  // every observation made, in order
};

/// Collects the record of one run.
class Recorder {
 public:
  Recorder(const RunSpec& run, const TrainingRequest& request, Solver solver);

  /// Whether the trajectory wants step t; call with t = 0, 1, 2, ...
  [[nodiscard]] bool wants(std::int64_t step) const { return next_ < steps_.size() && steps_[next_] == step; }

  /// Takes the observation of the step asked about last; is_recorded: it belongs to the trajectory.
  void add(const Observation& observation, bool is_recorded);

  /// All observations, in the order they were added.
  [[nodiscard]] std::span<Observation> observations() { return observations_; }

  /// The finished record; the last observation added is that of step `steps`.
  [[nodiscard]] RunRecord finish(std::int64_t steps, StopReason reason);

 private:
  std::span<const std::int64_t> steps_;
  const std::vector<int>& metrics_;
  std::size_t next_ = 0;
  std::vector<Observation> observations_;
  RunRecord record_;
  Stopwatch stopwatch_;
};

/// A record of a run that could not be trained.
[[nodiscard]] RunRecord failed_record(const RunSpec& run, const TrainingSettings& training,
                                      const RecordSettings& record, Solver solver, std::string error);

/// Trains `state` from step 0 until its stop rule, divergence, max-steps or cancellation.
template <RunState State>
[[nodiscard]] RunRecord train_run(State& state, const RunSpec& run, const TrainingRequest& request, Solver solver) {
  const TrainingSettings& training = request.training;
  const double step_size = training.step_size[static_cast<std::size_t>(run.activation)];
  StopMonitor monitor(training.stop, training.schedule, step_size, run.ridge, training.max_steps);
  Recorder recorder(run, request, solver);
  for (std::int64_t step = 0;; ++step) {
    const double ridge = run.ridge * schedule_factor(training.schedule, step);
    const double loss = 0.5 * state.squared_error();
    const double regularized = monitor.wants_regularized_loss(step) ? loss + 0.5 * ridge * state.output_square() : loss;
    std::optional<StopReason> reason = monitor.check(step, loss, regularized);
    if (!reason && request.cancelled.load(std::memory_order_relaxed)) {
      reason = StopReason::interrupted;
    }
    if (reason || recorder.wants(step)) {
      Observation observation = state.observe();
      observation.ridge = ridge;
      recorder.add(observation, recorder.wants(step));
      if (reason) {
        if constexpr (CompletesObservations<State>) {
          state.complete(recorder.observations());
        }
        return recorder.finish(step, *reason);
      }
    }
    state.advance(step_size, ridge);
  }
}

}  // namespace fasweep
