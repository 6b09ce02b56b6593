// When a run ends, as settings hold it, and why it did.
#pragma once

#include <string_view>

#include "model/choice.hpp"
#include "model/status.hpp"

namespace fasweep {

struct StopRuleKind {};
using StopRule = Choice<StopRuleKind>;

/// Whether a rule judges the loss of the step it is at.
[[nodiscard]] bool looks_at_loss(const StopRule& rule);

/// As records and files have it.
[[nodiscard]] std::string_view name_of(StopReason reason);

}  // namespace fasweep
