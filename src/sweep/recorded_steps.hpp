// Which steps of a run are recorded, from the text of record.steps:
//   log(k)     about k steps equally spaced in the logarithm,
//   linear(k)  about k equally spaced steps,
//   every(k)   every k-th step,
//   epochs(k)  every k-th time that all samples were seen.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace fasweep {

/// Increasing; 0 and max_steps always, and between them what the text says. epoch: steps that visit all training
/// samples once, or 0 where there are none. Throws ConfigError with the reason alone.
[[nodiscard]] std::vector<std::int64_t> expand_steps(std::string_view text, std::int64_t max_steps, std::int64_t epoch);

}  // namespace fasweep
