// Over how many steps tests compare trainers.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fasweep::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

/// `steps`, which show that rounding does not grow. What a sanitizer looks for, every branch and every access, is there
/// in the first of them; more would take most of its time.
[[nodiscard]] constexpr std::int64_t agreement_steps(std::int64_t steps) {
  constexpr std::int64_t most_sanitized = 40;
  return is_sanitized ? std::min(steps, most_sanitized) : steps;
}

}  // namespace fasweep::testing
