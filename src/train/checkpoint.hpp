// Checkpoints of long runs: where a run's unfinished state is kept, and when it is saved. What a state holds is its
// solver's business; the training loop (train/train_loop.hpp) puts everything together.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/solver.hpp"
#include "util/bytes.hpp"
#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {

/// Keeps the latest state of each unfinished run. Used by all worker threads of a rank at once.
class Checkpoints {
 public:
  virtual ~Checkpoints() = default;
  Checkpoints() = default;
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;

  /// A run that has trained for so long is saved, and then every so often.
  [[nodiscard]] virtual double interval_s() const = 0;

  /// What was saved last for this run (its row in the plan) under this solver; nothing if there is none or it cannot be
  /// trusted.
  [[nodiscard]] virtual std::optional<Bytes> load(std::int64_t run, Solver solver) = 0;

  /// Replaces what was saved before. Never throws: a run whose state cannot be kept goes on without.
  virtual void save(std::int64_t run, Solver solver, std::span<const std::byte> state) = 0;

  /// A sentence about a run for the user.
  virtual void tell(const std::string& text) = 0;
};

/// Throws TransportError unless all numbers are finite, as those of a network are whose run goes on.
template <class Number>
void check_finite(std::span<const Number> numbers) {
  if (!std::all_of(numbers.begin(), numbers.end(), [](Number number) { return std::isfinite(number); })) {
    throw TransportError("its checkpoint holds numbers that are not finite");
  }
}

/// What comes next in a checkpoint, finite numbers; throws TransportError if it is something else.
template <class Number>
void get_finite(ByteReader& in, std::span<Number> numbers) {
  in.get_into(numbers);
  check_finite(std::span<const Number>(numbers));
}
template <class Number>
[[nodiscard]] std::vector<Number> get_finite(ByteReader& in, std::size_t count) {
  std::vector<Number> numbers = in.get_array<Number>(count);
  check_finite(std::span<const Number>(numbers));
  return numbers;
}

/// Throws TransportError unless a checkpoint has been read to its end.
inline void check_end(const ByteReader& in) {
  if (in.left() > 0) {
    throw TransportError("its checkpoint has " + std::to_string(in.left()) + " bytes too many");
  }
}

/// At a drain, a run is saved that has trained for so long since it began or was saved; less is sooner trained again.
[[nodiscard]] inline double least_saved_s(double interval_s) {
  constexpr double few_seconds = 2;
  return std::min(few_seconds, interval_s);
}

/// Says when a run is to be saved, or to tell how far it has come, reading the clock only now and then: a step may take
/// less than a microsecond.
class StepTimer {
 public:
  /// interval_s: infinite for never.
  explicit StepTimer(double interval_s) : interval_s_(interval_s) {}

  /// Whether the interval is over; call with every step, in order.
  [[nodiscard]] bool is_due(std::int64_t step) { return step >= next_look_ && look(step); }

  /// Whether so much was trained since the last save that a drain should not lose it.
  [[nodiscard]] bool is_worth_saving() const { return since_restart_.seconds() >= least_saved_s(interval_s_); }

  /// The next interval begins.
  void restart() { since_restart_.restart(); }

 private:
  [[nodiscard]] bool look(std::int64_t step);

  double interval_s_;
  std::int64_t next_look_ = 0;
  std::int64_t gap_ = 1;  // steps between two looks
  double last_look_s_ = 0;
  Stopwatch since_start_;
  Stopwatch since_restart_;
};

}  // namespace fasweep
