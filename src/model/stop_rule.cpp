#include "model/stop_rule.hpp"

#include <algorithm>
#include <cmath>

namespace fasweep {
namespace {

/// First step at which eta * steps >= time, forgiving one rounding so that time(1) with eta 0.1 is 10 steps.
std::int64_t steps_for_time(double time, double step_size, std::int64_t max_steps) {
  const double steps = std::ceil(time / step_size * (1 - 1e-14));
  return steps >= static_cast<double>(max_steps) ? max_steps : static_cast<std::int64_t>(steps);
}

std::int64_t steps_for_ridge_time(double time, double step_size, double ridge, const Schedule& schedule,
                                  std::int64_t max_steps) {
  if (std::holds_alternative<ConstantSchedule>(schedule)) {
    return ridge > 0 ? steps_for_time(time, step_size * ridge, max_steps) : max_steps;
  }
  double sum = 0;
  for (std::int64_t step = 0; step < max_steps; ++step) {
    if (sum >= time * (1 - 1e-14)) {
      return step;
    }
    sum += step_size * ridge * schedule_factor(schedule, step);
  }
  return max_steps;
}

}  // namespace

StopMonitor::StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge,
                         std::int64_t max_steps)
    : last_step_(max_steps), last_step_reason_(StopReason::max_steps) {
  if (const auto* time = std::get_if<TimeStop>(&rule)) {
    last_step_ = steps_for_time(time->values[0], step_size, max_steps);
  } else if (const auto* ridge_time = std::get_if<RidgeTimeStop>(&rule)) {
    last_step_ = steps_for_ridge_time(ridge_time->values[0], step_size, ridge, schedule, max_steps);
  } else if (const auto* below = std::get_if<LossBelowStop>(&rule)) {
    loss_below_ = below->values[0];
  } else if (const auto* plateau = std::get_if<PlateauStop>(&rule)) {
    tolerance_ = plateau->values[0];
    window_ = plateau->window();
  }
  if (last_step_ < max_steps) {
    last_step_reason_ = std::visit([](const auto& r) { return r.reason; }, rule);
  }
}

bool StopMonitor::wants_regularized_loss(std::int64_t step) const {
  return window_ > 0 && step % window_ == 0;
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
  if (loss < loss_below_) {
    return StopReason::loss_below;
  }
  if (wants_regularized_loss(step)) {
    if (step > 0 && std::abs(regularized_loss - memory_.previous) <= tolerance_ * memory_.previous) {
      return StopReason::plateau;
    }
    memory_.previous = regularized_loss;
  }
  if (step >= last_step_) {
    return last_step_reason_;
  }
  return std::nullopt;
}

}  // namespace fasweep
