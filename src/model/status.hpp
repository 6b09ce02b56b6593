// How a run ended: the status and stop-reason codes of the result file, and their names.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "util/enum_names.hpp"

namespace fasweep {

enum class RunStatus : std::uint8_t { pending, done, failed, diverged, cancelled };
inline constexpr std::array<std::string_view, 5> run_status_names{"pending", "done", "failed", "diverged", "cancelled"};
static_assert(names_cover<RunStatus>(run_status_names));

/// A stop rule's reason has the name of the rule; those of rules that came later follow here and have no enumerator
/// (model/stop/list.hpp).
enum class StopReason : std::uint8_t {
  none,
  max_steps,
  loss_below,
  plateau,
  time,
  ridge_time,
  non_finite_loss,
  exploding_loss,
  error,
  interrupted
};

[[nodiscard]] constexpr std::string_view name_of(RunStatus status) {
  return run_status_names[static_cast<std::size_t>(status)];
}
}  // namespace fasweep
