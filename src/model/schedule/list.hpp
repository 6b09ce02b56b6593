// Schedules: the factor of the step's ridge, lambda(t) = lambda factor(t), or of its step size, eta(t) = eta factor(t),
// t = 0, 1, ... the step whose update it enters. To add one: write its struct into a file of this folder, add it to
// `Schedules`.
#pragma once

#include "model/schedule/constant.hpp"
#include "model/schedule/cutoff.hpp"
#include "model/schedule/exponential.hpp"
#include "model/schedule/inverse_square.hpp"
#include "model/schedule/multistep.hpp"
#include "model/schedule/schedule.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each schedule has
//   name, parameters   as written in a job file;
//   values             their values: an array, or a vector if the last parameter may be a list (take_values());
//   accepted           what the values must satisfy, for error messages, and valid() to check it;
//   factor(t)          of step t >= 0, >= 0 and finite.

using Schedules =
    TypeList<ConstantSchedule, CutoffSchedule, ExponentialSchedule, InverseSquareSchedule, MultistepSchedule>;

template <class Alternative>
[[nodiscard]] constexpr int position_in_list(ScheduleKind /*kind*/, const Alternative& /*schedule*/) {
  return Schedules::index_of<Alternative>();
}

}  // namespace fasweep
