#include "model/stop/monitor.hpp"

#include <algorithm>
#include <cmath>
#include <variant>

namespace fasweep {

StopMonitor::StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge,
                         std::int64_t max_steps, const Schedule& step_schedule)
    : rule_(rule) {
  const StopSettings run{step_size, ridge, schedule, step_schedule, max_steps};
  last_step_ = std::visit([&](const auto& r) { return r.last_step(run); }, rule_);
  last_step_reason_ =
      last_step_ < max_steps ? std::visit([](const auto& r) { return r.reason; }, rule_) : StopReason::max_steps;
}

bool StopMonitor::wants_regularized_loss(std::int64_t step) const {
  return std::visit([step](const auto& r) { return r.wants_regularized_loss(step); }, rule_);
}

std::optional<StopReason> StopMonitor::check(std::int64_t step, double loss, double regularized_loss) {
  if (step == 0) {
    memory_.exploding_loss = exploding_factor * std::max(loss, 1.0);
  }
  if (!std::isfinite(loss)) {
    return StopReason::non_finite_loss;
  }
  if (loss > memory_.exploding_loss) {
    return StopReason::exploding_loss;
  }
  const auto ends = [&](const auto& r) {
    return r.check({step, loss, regularized_loss}, memory_.previous) ? std::optional(r.reason) : std::nullopt;
  };
  if (const std::optional<StopReason> reason = std::visit(ends, rule_)) {
    return reason;
  }
  return step >= last_step_ ? std::optional(last_step_reason_) : std::nullopt;
}

}  // namespace fasweep
