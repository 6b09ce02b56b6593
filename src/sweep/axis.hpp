// One axis of the grid, as written in a job file. An axis is a comma list of
//   3, 0.1                 numbers
//   0..49                  whole numbers from 0 to 49
//   linspace(a, b, n)      n equally spaced values from a to b
//   logspace(a, b, n)      n values from a to b, equally spaced in the logarithm
//   100*2^1..7             100*2, 100*4, ... 100*2^7
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fasweep {

inline constexpr std::string_view axis_grammar =
    "a comma list of numbers, a..b, linspace(a,b,n), logspace(a,b,n), a*2^i..j";

/// Largest number of values on one axis.
inline constexpr std::int64_t max_axis_values = 100'000'000;

/// The values in the order written. Throws ConfigError saying what is wrong with `text`; the caller adds the key.
/// Whole-number axes round the values of linspace and logspace to the nearest whole number.
[[nodiscard]] std::vector<double> parse_real_axis(std::string_view text);
[[nodiscard]] std::vector<std::int64_t> parse_integer_axis(std::string_view text);

/// Shortest text that parses back to the same values; runs of consecutive whole numbers are written a..b.
[[nodiscard]] std::string format_axis(std::span<const double> values);
[[nodiscard]] std::string format_axis(std::span<const std::int64_t> values);

}  // namespace fasweep
