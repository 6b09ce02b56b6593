// What the end of a run makes of it.
#pragma once

#include "model/status.hpp"

namespace fasweep {

/// The status of a run that ended for this reason.
[[nodiscard]] RunStatus status_of(StopReason reason);

}  // namespace fasweep
