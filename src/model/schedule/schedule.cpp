#include "model/schedule/schedule.hpp"

#include "model/schedule/list.hpp"

namespace fasweep {

double schedule_factor(const Schedule& schedule, std::int64_t t) {
  return visit_choice<Schedules>(schedule, [t](const auto& s) -> double { return s.factor(t); });
}

bool is_constant(const Schedule& schedule) {
  static_assert(Schedules::index_of<ConstantSchedule>() == 0, "a Schedule is constant by default");
  return schedule.position() == 0;
}

}  // namespace fasweep
