// Numbers as people read them: durations and byte counts.
#pragma once

#include <string>

namespace fasweep::cli {

/// "3 ms", "12 s", "4 min 10 s", "2 h 5 min", "3 d 4 h". seconds >= 0.
[[nodiscard]] std::string format_duration(double seconds);

/// "12 B", "3.4 MiB".
[[nodiscard]] std::string format_bytes(double bytes);

/// The message if no run ended by its own rule.
inline constexpr const char* all_diverged =
    "every run diverged (its loss is no longer a number); choose a smaller training.step-size";

}  // namespace fasweep::cli
