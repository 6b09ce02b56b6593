// Finds a run of a plan by its values: "p=200, lambda=0.1, seed=3".
#pragma once

#include <cstdint>
#include <string_view>

#include "sweep/plan.hpp"

namespace fasweep {

/// The one run with these values: "key=value" pairs separated by commas. A key is a column of the result file or a name
/// of the key table; a value is what a job file may hold, and numbers within 1e-12, relative, are one. Throws
/// ConfigError if no run or several have them, with their number and the nearest runs, or how they differ.
[[nodiscard]] std::int64_t find_run(const Plan& plan, std::string_view where);

}  // namespace fasweep
