// When a run ends. A rule either bounds the number of steps beforehand (time, ridge-time) or looks at the loss as it
// goes (loss-below, plateau). Whatever the rule, `training.max-steps` bounds the run and a diverging loss ends it
// (stop/monitor.hpp). To add one: write its struct into a file of this folder, add it to `StopRules`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

#include "model/stop/loss_below.hpp"
#include "model/stop/never.hpp"
#include "model/stop/plateau.hpp"
#include "model/stop/ridge_time.hpp"
#include "model/stop/stop_rule.hpp"
#include "model/stop/time.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule has name, parameters, values, accepted, valid() as a schedule has, and
//   reason                        stored, as a code, when the rule ended the run. A new rule takes StopReason{n}, n the
//                                 size of stop_reason_names before it;
//   looks_at_loss                 whether it judges the loss of the step it is at;
//   last_step(run)                the last step a run can reach under it, <= run.max_steps;
//   wants_regularized_loss(step)  whether check() of this step looks at it; solvers need not compute it otherwise;
//   check(now, memory)            whether to end at this step. Called for steps 0, 1, ... in order. memory: one number
//                                 of its own, 0 before step 0, which it may change and which checkpoints keep.

using StopRules = TypeList<NeverStop, LossBelowStop, PlateauStop, TimeStop, RidgeTimeStop>;

template <class Alternative>
[[nodiscard]] constexpr int position_in_list(StopRuleKind /*kind*/, const Alternative& /*rule*/) {
  return StopRules::index_of<Alternative>();
}

/// The names of reasons by their codes, none of them empty.
inline constexpr auto stop_reason_names = [] {
  constexpr std::size_t last_without_a_rule = static_cast<std::size_t>(StopReason::interrupted);
  constexpr std::size_t last = []<class... Rules>(TypeList<Rules...> /*rules*/) {
    return std::max({last_without_a_rule, static_cast<std::size_t>(Rules::reason)...});
  }(StopRules{});
  std::array<std::string_view, last + 1> names;
  StopRules::for_each([&](auto type) {
    using Rule = typename decltype(type)::type;
    names[static_cast<std::size_t>(Rule::reason)] = Rule::name;
  });
  const auto name = [&](StopReason reason, std::string_view text) { names[static_cast<std::size_t>(reason)] = text; };
  name(StopReason::none, "none");
  name(StopReason::max_steps, "max-steps");  // and not the rule's name, which is never
  name(StopReason::non_finite_loss, "non-finite-loss");
  name(StopReason::exploding_loss, "exploding-loss");
  name(StopReason::error, "error");
  name(StopReason::interrupted, "interrupted");
  return names;
}();
static_assert(std::ranges::none_of(stop_reason_names, [](std::string_view name) { return name.empty(); }) &&
                  stop_reason_names.size() == 6 + StopRules::size - 1,
              "a stop rule's reason is the code of another, or leaves codes out");

}  // namespace fasweep
