// The schedule of a run's ridge or step size as settings hold it.
#pragma once

#include <cstdint>

#include "model/choice.hpp"

namespace fasweep {

struct ScheduleKind {};
using Schedule = Choice<ScheduleKind>;

/// The factor of step t >= 0 of the schedule in force.
[[nodiscard]] double schedule_factor(const Schedule& schedule, std::int64_t t);

/// Whether it is 1 throughout.
[[nodiscard]] bool is_constant(const Schedule& schedule);

}  // namespace fasweep
