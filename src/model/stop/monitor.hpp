// Watches one run and says when it ends: by its stop rule, at its last step, or because its loss diverges.
#pragma once

#include <cstdint>
#include <optional>

#include "model/schedule/list.hpp"
#include "model/status.hpp"
#include "model/stop/list.hpp"

namespace fasweep {

/// Feed it the loss of every step in order, starting with step 0.
class StopMonitor {
 public:
  /// schedule: of lambda. step_size: eta > 0. ridge: lambda >= 0. max_steps >= 0. step_schedule: of eta.
  StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge, std::int64_t max_steps,
              const Schedule& step_schedule = ConstantSchedule{});

  /// The last step this run can reach: max_steps, or less if the rule bounds it.
  [[nodiscard]] std::int64_t last_step() const { return last_step_; }

  /// Whether check() of this step uses the regularised loss; solvers need not compute it otherwise.
  [[nodiscard]] bool wants_regularized_loss(std::int64_t step) const;

  /// The reason to end the run at `step`, or nothing. Divergence is a loss that is not finite or above
  /// `exploding_factor` times max(initial loss, 1).
  [[nodiscard]] std::optional<StopReason> check(std::int64_t step, double loss, double regularized_loss);

  static constexpr double exploding_factor = 1e12;

  /// What it knows of the steps so far: a monitor of the same run that is given it goes on where this one is.
  struct Memory {
    double previous = 0;        // the rule's own number
    double exploding_loss = 0;  // set at step 0
  };
  [[nodiscard]] const Memory& memory() const { return memory_; }
  void remember(const Memory& memory) { memory_ = memory; }

 private:
  StopRule rule_;
  std::int64_t last_step_;
  StopReason last_step_reason_;
  Memory memory_;
};

}  // namespace fasweep
