// The learning rules that the kernels compute: those that the step's errors teach, and whose b stays. A list of its
// own, as each rule that a kernel chooses from takes registers and time.
#pragma once

#include <cassert>
#include <type_traits>

#include "model/rule/list.hpp"
#include "util/type_list.hpp"

namespace fasweep {

template <class Rule>
struct IsForDevices : std::bool_constant<Rule::error_teaches && !Rule::learns_feedback && !Rule::redraws_feedback> {};

using DeviceRules = Filtered<ComputedRules, IsForDevices>;

/// Whether the kernels train the rule at position `rule` of Rules.
[[nodiscard]] inline bool device_takes_rule(int rule) {
  return Rules::visit(rule, [](auto type) { return IsForDevices<typename decltype(type)::type>::value; });
}

/// Position in DeviceRules of what computes the rule at position `rule` of Rules, which they train.
[[nodiscard]] inline int device_rule(int rule) {
  return visit_computed_rule(rule, []<class Rule>(std::type_identity<Rule>) {
    if constexpr (IsForDevices<Rule>::value) {
      return DeviceRules::index_of<Rule>();
    } else {
      assert(false);
      return 0;
    }
  });
}

}  // namespace fasweep
