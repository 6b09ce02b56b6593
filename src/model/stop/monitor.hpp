// Watches one run and says when it ends: by its stop rule, at its last step, or because its loss diverges.
#pragma once

#include <cstdint>
#include <optional>

#include "model/schedule/schedule.hpp"
#include "model/status.hpp"
#include "model/stop/judge.hpp"
#include "model/stop/stop_rule.hpp"

namespace fasweep {

/// Feed it the loss of every step in order, starting with step 0.
class StopMonitor {
 public:
  /// schedule: of lambda. step_size: eta > 0. ridge: lambda >= 0. max_steps >= 0. step_schedule: of eta.
  StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge, std::int64_t max_steps,
              const Schedule& step_schedule = {});

  /// The last step this run can reach: max_steps, or less if the rule bounds it; and the reason if it ends there.
  [[nodiscard]] std::int64_t last_step() const { return last_step_; }

  /// Whether check() of this step uses the regularised loss; solvers need not compute it otherwise.
  [[nodiscard]] bool wants_regularized_loss(std::int64_t step) const;

  /// The reason to end the run at `step`, or nothing. stop/judge.hpp
  /// says what diverging is.
  [[nodiscard]] std::optional<StopReason> check(std::int64_t step, double loss, double regularized_loss);

  /// What it knows of the steps so far: a monitor of the same run that is given it goes on where this one is.
  [[nodiscard]] const StopMemory& memory() const { return memory_; }
  void remember(const StopMemory& memory) { memory_ = memory; }

  [[nodiscard]] StopReason last_step_reason() const { return last_step_reason_; }

 private:
  StopRule rule_;
  std::int64_t last_step_;
  StopReason last_step_reason_;
  StopMemory memory_;
};

}  // namespace fasweep
