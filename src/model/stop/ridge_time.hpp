// Ends when eta sum lambda(s) reaches the value: equal forgetting of beta(0) for every lambda > 0. Runs with lambda = 0
// go to max-steps.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/status.hpp"
#include "model/stop/settings.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct RidgeTimeStop {
  static constexpr StopReason reason = StopReason::ridge_time;
  static constexpr std::string_view name = "ridge-time";
  static constexpr std::array<std::string_view, 1> parameters{"eta*lambda*t"};
  static constexpr std::string_view accepted = "eta*lambda*t > 0";
  static constexpr bool looks_at_loss = false;
  [[nodiscard]] FASWEEP_HOST_DEVICE bool wants_regularized_loss(std::int64_t /*step*/) const { return false; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool check(const StopStep& /*now*/, double& /*memory*/) const { return false; }
  std::array<double, 1> values{};
  friend bool operator==(const RidgeTimeStop&, const RidgeTimeStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] std::int64_t last_step(const StopSettings& run) const {
    if (is_constant(run.schedule) && is_constant(run.step_schedule)) {
      return run.ridge > 0 ? steps_until(values[0], run.step_size * run.ridge, run.max_steps) : run.max_steps;
    }
    return steps_until_sum(
        values[0],
        [&](std::int64_t step) {
          return run.step_size * run.ridge * schedule_factor(run.schedule, step) *
                 schedule_factor(run.step_schedule, step);
        },
        run.max_steps);
  }
};

}  // namespace fasweep
