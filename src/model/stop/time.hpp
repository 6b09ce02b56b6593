// Ends when the sum of eta over the steps, eta t if it is constant, reaches the value: equal gradient-flow time for
// every step size.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/status.hpp"
#include "model/stop/settings.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct TimeStop {
  static constexpr StopReason reason = StopReason::time;
  static constexpr std::string_view name = "time";
  static constexpr std::array<std::string_view, 1> parameters{"eta*t"};
  static constexpr std::string_view accepted = "eta*t > 0";
  static constexpr bool looks_at_loss = false;
  [[nodiscard]] FASWEEP_HOST_DEVICE bool wants_regularized_loss(std::int64_t /*step*/) const { return false; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool check(const StopStep& /*now*/, double& /*memory*/) const { return false; }
  std::array<double, 1> values{};
  friend bool operator==(const TimeStop&, const TimeStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] std::int64_t last_step(const StopSettings& run) const {
    if (is_constant(run.step_schedule)) {
      return steps_until(values[0], run.step_size, run.max_steps);
    }
    return steps_until_sum(
        values[0], [&](std::int64_t step) { return run.step_size * schedule_factor(run.step_schedule, step); },
        run.max_steps);
  }
};

}  // namespace fasweep
