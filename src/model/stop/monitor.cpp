#include "model/stop/monitor.hpp"

#include "model/stop/list.hpp"

namespace fasweep {

StopMonitor::StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge,
                         std::int64_t max_steps, const Schedule& step_schedule)
    : rule_(rule) {
  const StopSettings run{step_size, ridge, schedule, step_schedule, max_steps};
  last_step_ = visit_choice<StopRules>(rule_, [&](const auto& r) { return r.last_step(run); });
  last_step_reason_ = last_step_ < max_steps ? visit_choice<StopRules>(rule_, [](const auto& r) { return r.reason; })
                                             : StopReason::max_steps;
}

bool StopMonitor::wants_regularized_loss(std::int64_t step) const {
  return visit_choice<StopRules>(rule_, [step](const auto& r) { return r.wants_regularized_loss(step); });
}

std::optional<StopReason> StopMonitor::check(std::int64_t step, double loss, double regularized_loss) {
  const StopReason reason = visit_choice<StopRules>(rule_, [&](const auto& rule) {
    const auto ask = [&](double& previous) {
      return rule.check({step, loss, regularized_loss}, previous) ? rule.reason : StopReason::none;
    };
    return judge_step(step, loss, memory_, ask, last_step_, last_step_reason_);
  });
  return reason == StopReason::none ? std::nullopt : std::optional(reason);
}

}  // namespace fasweep
