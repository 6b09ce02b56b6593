// Places where a test may kill the program: between any two steps that matter for what survives. In the program itself
// fault_point() does nothing; fasweep-faults (tests/faults) links another one in its place.
#pragma once

#include <string_view>

namespace fasweep {

void fault_point(std::string_view name) noexcept;

}  // namespace fasweep
