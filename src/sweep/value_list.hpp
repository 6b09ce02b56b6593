// The values of one key, as written in a job file: a comma list of
//   3, 0.1                 numbers
//   0..49                  whole numbers from 0 to 49
//   linspace(a, b, n)      n equally spaced values from a to b
//   logspace(a, b, n)      n values from a to b, equally spaced in the logarithm
//   100*2^1..7             100*2, 100*4, ... 100*2^7
//   0.1 / p                formulas of the run's other values (sweep/formula.hpp)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fasweep {

inline constexpr std::string_view list_grammar =
    "a comma list of numbers, a..b, linspace(a,b,n), logspace(a,b,n), a*2^i..j or formulas";

/// Largest number of values of one key.
inline constexpr std::int64_t max_list_values = 100'000'000;

/// Values in the order written.
struct ValueList {
  std::vector<double> numbers;                   // NaN where a formula stands
  std::map<std::int64_t, std::string> formulas;  // by position
};

enum class NumberKind { whole, real };

/// The number that a word stands for ("all"), if it is one.
using ReadWord = std::function<std::optional<double>(std::string_view)>;

/// Numbers that linspace, logspace and powers make are rounded to 15 digits (round_value), and to the nearest whole
/// number where whole numbers are wanted. Throws ConfigError saying what is wrong with `text`, the caller adds the key:
/// empty, or too long.
[[nodiscard]] ValueList parse_values(std::string_view text, NumberKind kind, const ReadWord& read_word = {});

/// Shortest text that parses back to the same numbers; runs of three or more consecutive whole numbers are written
/// a..b. write: of one number.
[[nodiscard]] std::string format_values(std::span<const double> numbers,
                                        const std::function<std::string(double)>& write);

/// Whether two values are the same up to rounding: within a relative 1e-12.
[[nodiscard]] bool are_one_value(double a, double b);

/// Throws ConfigError if two of the values are the same; NaN equals none.
void reject_repeats(std::span<const double> values);

}  // namespace fasweep
