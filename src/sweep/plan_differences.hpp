// What prevents results from being continued.
#pragma once

#include <string>
#include <vector>

#include "sweep/plan.hpp"

namespace fasweep {

/// Why results of `stored` cannot be continued as `wanted`: one line per differing key, with both values. Empty if
/// every stored run is also a run of `wanted` (the same plan or a superset).
[[nodiscard]] std::vector<std::string> plan_differences(const Plan& stored, const Plan& wanted);

}  // namespace fasweep
