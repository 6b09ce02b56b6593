// What a stop rule is told of its run and of each step.
#pragma once

#include <cmath>
#include <cstdint>

#include "model/schedule/schedule.hpp"

namespace fasweep {

struct StopSettings {
  double step_size = 0;           // eta > 0
  double ridge = 0;               // lambda >= 0
  const Schedule& schedule;       // of lambda
  const Schedule& step_schedule;  // of eta
  std::int64_t max_steps = 0;     // >= 0
};

struct StopStep {
  std::int64_t step = 0;
  double loss = 0;         // unregularised
  double regularized = 0;  // meant only where the rule wants it
};

/// First step at which steps times `per_step` reaches `time`, forgiving one rounding so that time(1) with eta 0.1 is 10
/// steps; max_steps if none does.
[[nodiscard]] inline std::int64_t steps_until(double time, double per_step, std::int64_t max_steps) {
  const double steps = std::ceil(time / per_step * (1 - 1e-14));
  return steps >= static_cast<double>(max_steps) ? max_steps : static_cast<std::int64_t>(steps);
}

/// First step before which the sum of `at(step)` has reached `time`, likewise.
template <class At>
[[nodiscard]] std::int64_t steps_until_sum(double time, At at, std::int64_t max_steps) {
  double sum = 0;
  for (std::int64_t step = 0; step < max_steps; ++step) {
    if (sum >= time * (1 - 1e-14)) {
      return step;
    }
    sum += at(step);
  }
  return max_steps;
}

}  // namespace fasweep
