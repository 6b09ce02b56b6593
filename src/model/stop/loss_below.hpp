// Ends when the unregularised loss is below the value.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "model/status.hpp"
#include "model/stop/settings.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct LossBelowStop {
  static constexpr StopReason reason = StopReason::loss_below;
  static constexpr std::string_view name = "loss-below";
  static constexpr std::array<std::string_view, 1> parameters{"loss"};
  static constexpr std::string_view accepted = "loss > 0";
  static constexpr bool looks_at_loss = true;
  std::array<double, 1> values{};
  friend bool operator==(const LossBelowStop&, const LossBelowStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] std::int64_t last_step(const StopSettings& run) const { return run.max_steps; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool wants_regularized_loss(std::int64_t /*step*/) const { return false; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool check(const StopStep& now, double& /*memory*/) const {
    return now.loss < values[0];
  }
};

}  // namespace fasweep
