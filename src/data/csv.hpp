// Tables of numbers as text: a line a sample, commas between its numbers, an optional line of names before them.
#pragma once

#include <string>
#include <string_view>

#include "data/samples.hpp"

namespace fasweep {

/// The last `targets` columns are y, those before are x. Lines end in LF or CR LF. A first line without any number is
/// a header. Throws ConfigError naming `origin`, line and column of what is not a finite number.
[[nodiscard]] Samples<double> parse_csv(std::string_view text, std::int64_t targets, const std::string& origin);

}  // namespace fasweep
