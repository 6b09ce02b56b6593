// How a run ended: the status and stop-reason codes of the result file, and their names.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "util/enum_names.hpp"

namespace fasweep {

enum class RunStatus : std::uint8_t { pending, done, failed, diverged, timed_out, cancelled };
inline constexpr std::array<std::string_view, 6> run_status_names{"pending",  "done",      "failed",
                                                                  "diverged", "timed-out", "cancelled"};
static_assert(names_cover<RunStatus>(run_status_names));

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
inline constexpr std::array<std::string_view, 10> stop_reason_names{
    "none",       "max-steps",       "loss-below",     "plateau", "time",
    "ridge-time", "non-finite-loss", "exploding-loss", "error",   "interrupted"};
static_assert(names_cover<StopReason>(stop_reason_names));

[[nodiscard]] constexpr std::string_view name_of(RunStatus status) {
  return run_status_names[static_cast<std::size_t>(status)];
}
[[nodiscard]] constexpr std::string_view name_of(StopReason reason) {
  return stop_reason_names[static_cast<std::size_t>(reason)];
}

}  // namespace fasweep
