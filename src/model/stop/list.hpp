// When a run ends. A rule either bounds the number of steps beforehand (time, ridge-time) or looks at the loss as it
// goes (loss-below, plateau). Whatever the rule, `training.max-steps` bounds the run and a diverging loss ends it
// (stop/monitor.hpp). To add one: write its struct into a file of this folder, add it to `StopRules`.
#pragma once

#include <variant>

#include "model/schedule/parameters.hpp"
#include "model/stop/loss_below.hpp"
#include "model/stop/never.hpp"
#include "model/stop/plateau.hpp"
#include "model/stop/ridge_time.hpp"
#include "model/stop/time.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule has name, parameters, values, accepted, valid() as a schedule has, and
//   reason                        stored when the rule ended the run;
//   looks_at_loss                 whether it judges the loss of the step it is at;
//   last_step(run)                the last step a run can reach under it, <= run.max_steps;
//   wants_regularized_loss(step)  whether check() of this step looks at it; solvers need not compute it otherwise;
//   check(now, memory)            whether to end at this step. Called for steps 0, 1, ... in order. memory: one number
//                                 of its own, 0 before step 0, which it may change and which checkpoints keep.

using StopRules = TypeList<NeverStop, LossBelowStop, PlateauStop, TimeStop, RidgeTimeStop>;
using StopRule = AlternativesOf<StopRules>::Variant;

/// Whether a rule judges the loss of the step it is at.
[[nodiscard]] inline bool looks_at_loss(const StopRule& rule) {
  return std::visit([](const auto& r) { return r.looks_at_loss; }, rule);
}

}  // namespace fasweep
