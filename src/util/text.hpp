// Small text functions of the job grammar: trimming, splitting, numbers that round-trip, and `name(arg, arg)` calls.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fasweep {

[[nodiscard]] std::string_view trim(std::string_view text);

/// Splits at `separator` outside parentheses and trims each part. "a, f(b, c)" gives "a" and "f(b, c)".
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The whole text as a number, or nothing. Integers accept no sign tricks, spaces or overflow; reals are finite.
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<double> parse_real(std::string_view text);

/// Shortest decimal that reads back as the same double.
[[nodiscard]] std::string format_real(double value);

[[nodiscard]] std::string join(std::span<const std::string_view> parts, std::string_view separator);

/// `name` or `name(a, b)`: what schedules, stop rules and step lists look like in a job file.
struct Call {
  std::string_view name;
  std::vector<std::string_view> arguments;
};

/// Arguments may hold parentheses. Nothing when parentheses do not match or text follows them.
[[nodiscard]] std::optional<Call> parse_call(std::string_view text);

/// The path with the home folder for "~/", as a shell does, which sees neither job files nor what follows --set key=.
[[nodiscard]] std::string expand_home(std::string path);

/// A cell of a table of comma-separated values: in quotation marks if it holds a comma.
[[nodiscard]] std::string csv_cell(std::string_view text);

/// The text with control characters as \x1b, so that a terminal shows it and does not obey it.
[[nodiscard]] std::string printable(std::string_view text);

/// A message, of several lines maybe: each printable, and the middle left out where there is more than people read.
[[nodiscard]] std::string presentable(std::string_view message);

/// Insertions, deletions and replacements that make `b` of `a` (Levenshtein 1966).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name that a typing error most likely meant: the nearest one, if at most a third of the letters differ; else
/// empty.
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names);

/// "; did you mean '...'?" for the end of a message about an unknown name, or nothing.
[[nodiscard]] std::string suggest(std::string_view name, std::span<const std::string_view> names);

/// 64-bit FNV-1a (Fowler, Noll, Vo): stable across versions and machines, unlike std::hash.
/// `start` continues the hash of what came before `text`.
inline constexpr std::uint64_t stable_hash_start = 0xcbf29ce484222325U;
[[nodiscard]] std::uint64_t stable_hash(std::string_view text, std::uint64_t start = stable_hash_start);

/// 16 hexadecimal digits.
[[nodiscard]] std::string format_hash(std::uint64_t hash);

/// 8 hexadecimal digits, and back: exactly what format_checksum writes.
[[nodiscard]] std::string format_checksum(std::uint32_t checksum);
[[nodiscard]] std::optional<std::uint32_t> parse_checksum(std::string_view text);

}  // namespace fasweep
