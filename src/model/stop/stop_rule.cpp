#include "model/stop/stop_rule.hpp"

#include "model/stop/list.hpp"

namespace fasweep {

bool looks_at_loss(const StopRule& rule) {
  return visit_choice<StopRules>(rule, [](const auto& r) { return r.looks_at_loss; });
}

std::string_view name_of(StopReason reason) {
  return stop_reason_names[static_cast<std::size_t>(reason)];
}

}  // namespace fasweep
