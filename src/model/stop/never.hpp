// Runs to training.max-steps.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/status.hpp"
#include "model/stop/settings.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct NeverStop {
  static constexpr std::string_view name = "never";
  static constexpr StopReason reason = StopReason::max_steps;
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  static constexpr bool looks_at_loss = false;
  [[nodiscard]] FASWEEP_HOST_DEVICE bool wants_regularized_loss(std::int64_t /*step*/) const { return false; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool check(const StopStep& /*now*/, double& /*memory*/) const { return false; }
  std::array<double, 0> values{};
  friend bool operator==(const NeverStop&, const NeverStop&) = default;
  [[nodiscard]] bool valid() const { return true; }
  [[nodiscard]] std::int64_t last_step(const StopSettings& run) const { return run.max_steps; }
};

}  // namespace fasweep
