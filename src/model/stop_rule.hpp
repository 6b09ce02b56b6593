// When a run ends. A rule either bounds the number of steps beforehand (time, ridge-time) or looks at the loss as it
// goes (loss-below, plateau). Whatever the rule, `training.max-steps` bounds the run and a diverging loss ends it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "model/schedule.hpp"
#include "model/status.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule has name, parameters, values, accepted, valid() as a schedule has, and `reason`, stored when it ended the
// run.

struct NeverStop {
  static constexpr std::string_view name = "never";
  static constexpr StopReason reason = StopReason::max_steps;
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  std::array<double, 0> values{};
  friend bool operator==(const NeverStop&, const NeverStop&) = default;
  [[nodiscard]] bool valid() const { return true; }
};

/// Ends when the unregularised loss is below the value.
struct LossBelowStop {
  static constexpr StopReason reason = StopReason::loss_below;
  static constexpr std::string_view name = name_of(reason);
  static constexpr std::array<std::string_view, 1> parameters{"loss"};
  static constexpr std::string_view accepted = "loss > 0";
  std::array<double, 1> values{};
  friend bool operator==(const LossBelowStop&, const LossBelowStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
};

/// Ends when the regularised loss changed by less than `tolerance`, relative, over the last `window` steps; looked at
/// every `window` steps, so the answer does not depend on how often anything is recorded.
struct PlateauStop {
  static constexpr StopReason reason = StopReason::plateau;
  static constexpr std::string_view name = name_of(reason);
  static constexpr std::array<std::string_view, 2> parameters{"tolerance", "window"};
  static constexpr std::string_view accepted = "tolerance > 0, window a whole number of steps >= 1";
  std::array<double, 2> values{};
  friend bool operator==(const PlateauStop&, const PlateauStop&) = default;
  [[nodiscard]] bool valid() const {
    return values[0] > 0 && values[1] >= 1 && values[1] <= 1e15 && values[1] == static_cast<double>(window());
  }
  [[nodiscard]] std::int64_t window() const { return static_cast<std::int64_t>(values[1]); }
};

/// Ends when eta t reaches the value: equal gradient-flow time for every step size.
struct TimeStop {
  static constexpr StopReason reason = StopReason::time;
  static constexpr std::string_view name = name_of(reason);
  static constexpr std::array<std::string_view, 1> parameters{"eta*t"};
  static constexpr std::string_view accepted = "eta*t > 0";
  std::array<double, 1> values{};
  friend bool operator==(const TimeStop&, const TimeStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
};

/// Ends when eta sum lambda(s) reaches the value: equal forgetting of beta(0) for every lambda > 0. Runs with lambda =
/// 0 go to max-steps.
struct RidgeTimeStop {
  static constexpr StopReason reason = StopReason::ridge_time;
  static constexpr std::string_view name = name_of(reason);
  static constexpr std::array<std::string_view, 1> parameters{"eta*lambda*t"};
  static constexpr std::string_view accepted = "eta*lambda*t > 0";
  std::array<double, 1> values{};
  friend bool operator==(const RidgeTimeStop&, const RidgeTimeStop&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
};

using StopRules = TypeList<NeverStop, LossBelowStop, PlateauStop, TimeStop, RidgeTimeStop>;
using StopRule = AlternativesOf<StopRules>::Variant;

/// Whether a rule judges the loss of the step it is at.
[[nodiscard]] inline bool looks_at_loss(const StopRule& rule) {
  return std::holds_alternative<LossBelowStop>(rule) || std::holds_alternative<PlateauStop>(rule);
}

/// Watches one run. Feed it the loss of every step in order, starting with step 0.
class StopMonitor {
 public:
  /// step_size: eta > 0. ridge: lambda >= 0. max_steps >= 0.
  StopMonitor(const StopRule& rule, const Schedule& schedule, double step_size, double ridge, std::int64_t max_steps);

  /// The last step this run can reach: max_steps, or less under time and ridge-time.
  [[nodiscard]] std::int64_t last_step() const { return last_step_; }

  /// Whether check() of this step uses the regularised loss; solvers need not compute it otherwise.
  [[nodiscard]] bool wants_regularized_loss(std::int64_t step) const;

  /// The reason to end the run at `step`, or nothing. Divergence is a loss that is not finite or above
  /// `exploding_factor` times max(initial loss, 1).
  [[nodiscard]] std::optional<StopReason> check(std::int64_t step, double loss, double regularized_loss);

  static constexpr double exploding_factor = 1e12;

  /// What it knows of the steps so far: a monitor of the same run that is given it goes on where this one is.
  struct Memory {
    double previous = 0;        // regularised loss one window ago
    double exploding_loss = 0;  // set at step 0
  };
  [[nodiscard]] const Memory& memory() const { return memory_; }
  void remember(const Memory& memory) { memory_ = memory; }

 private:
  std::int64_t last_step_;
  StopReason last_step_reason_;
  double loss_below_ = 0;    // 0: rule not in force
  std::int64_t window_ = 0;  // 0: rule not in force
  double tolerance_ = 0;
  Memory memory_;
};

}  // namespace fasweep
