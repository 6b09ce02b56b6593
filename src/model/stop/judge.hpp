// The order in which a step is judged, the same on the host and on devices.
#pragma once

#include <cmath>
#include <cstdint>

#include "model/status.hpp"
#include "util/host_device.hpp"

namespace fasweep {

/// Divergence is a loss that is not finite or above this times max(initial loss, 1).
inline constexpr double exploding_factor = 1e12;

/// What judging keeps of the steps so far.
struct StopMemory {
  double previous = 0;        // the rule's own number
  double exploding_loss = 0;  // set at step 0
};

/// Why the run ends at `step`, or none. rule(previous): why its rule ends it here, or none. last_step, last_reason:
/// where it ends at the latest.
template <class Rule>
FASWEEP_HOST_DEVICE StopReason judge_step(std::int64_t step, double loss, StopMemory& memory, Rule rule,
                                          std::int64_t last_step, StopReason last_reason) {
  if (step == 0) {
    memory.exploding_loss = exploding_factor * (loss > 1.0 ? loss : 1.0);
  }
  if (!std::isfinite(loss)) {
    return StopReason::non_finite_loss;
  }
  if (loss > memory.exploding_loss) {
    return StopReason::exploding_loss;
  }
  if (const StopReason reason = rule(memory.previous); reason != StopReason::none) {
    return reason;
  }
  return step >= last_step ? last_reason : StopReason::none;
}

}  // namespace fasweep
