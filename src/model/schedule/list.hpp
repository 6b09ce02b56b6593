// Schedules: the factor of the step's ridge, lambda(t) = lambda factor(t), or of its step size, eta(t) = eta factor(t),
// t = 0, 1, ... the step whose update it enters. To add one: write its struct into a file of this folder, add it to
// `Schedules`.
#pragma once

#include <cstdint>
#include <variant>

#include "model/schedule/constant.hpp"
#include "model/schedule/cutoff.hpp"
#include "model/schedule/exponential.hpp"
#include "model/schedule/inverse_square.hpp"
#include "model/schedule/multistep.hpp"
#include "model/schedule/parameters.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each schedule has
//   name, parameters   as written in a job file;
//   values             their values: an array, or a vector if the last parameter may be a list (take_values());
//   accepted           what the values must satisfy, for error messages, and valid() to check it;
//   factor(t)          of step t >= 0, >= 0 and finite.

using Schedules =
    TypeList<ConstantSchedule, CutoffSchedule, ExponentialSchedule, InverseSquareSchedule, MultistepSchedule>;
using Schedule = AlternativesOf<Schedules>::Variant;

/// The factor of step t of the schedule in force.
[[nodiscard]] inline double schedule_factor(const Schedule& schedule, std::int64_t t) {
  return std::visit([t](const auto& s) { return s.factor(t); }, schedule);
}

/// Whether it is 1 throughout.
[[nodiscard]] inline bool is_constant(const Schedule& schedule) {
  return std::holds_alternative<ConstantSchedule>(schedule);
}

}  // namespace fasweep
