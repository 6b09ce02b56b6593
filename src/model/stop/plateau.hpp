// Ends when the regularised loss changed by less than `tolerance`, relative, over the last `window` steps; looks every
// `window` steps, so the answer does not depend on how often anything is recorded.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "model/status.hpp"
#include "model/stop/settings.hpp"
#include "util/host_device.hpp"

namespace fasweep {

struct PlateauStop {
  static constexpr StopReason reason = StopReason::plateau;
  static constexpr std::string_view name = "plateau";
  static constexpr std::array<std::string_view, 2> parameters{"tolerance", "window"};
  static constexpr std::string_view accepted = "tolerance > 0, window a whole number of steps >= 1";
  static constexpr bool looks_at_loss = true;
  std::array<double, 2> values{};
  friend bool operator==(const PlateauStop&, const PlateauStop&) = default;
  [[nodiscard]] bool valid() const {
    return values[0] > 0 && values[1] >= 1 && values[1] <= 1e15 && values[1] == static_cast<double>(window());
  }
  [[nodiscard]] FASWEEP_HOST_DEVICE std::int64_t window() const { return static_cast<std::int64_t>(values[1]); }
  [[nodiscard]] std::int64_t last_step(const StopSettings& run) const { return run.max_steps; }
  [[nodiscard]] FASWEEP_HOST_DEVICE bool wants_regularized_loss(std::int64_t step) const {
    return step % window() == 0;
  }
  /// memory: the regularised loss one window ago.
  [[nodiscard]] FASWEEP_HOST_DEVICE bool check(const StopStep& now, double& memory) const {
    if (!wants_regularized_loss(now.step)) {
      return false;
    }
    if (now.step > 0 && std::abs(now.regularized - memory) <= values[0] * memory) {
      return true;
    }
    memory = now.regularized;
    return false;
  }
};

}  // namespace fasweep
