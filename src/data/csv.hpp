// Tables of numbers as text: a line a sample, commas, semicolons or tabs between its numbers, which may stand in
// quotation marks, and a line of names before them or none.
#pragma once

#include <string>
#include <string_view>

#include "data/samples.hpp"

namespace fasweep {

/// How a table is to be read.
struct CsvReading {
  std::string target{automatic_target};  // columns of y by name or number; auto and last: the last ones
  std::int64_t targets = 1;              // how many are the last ones
  Header header = Header::automatic;
  /// Whether a checksum will tell if the table was read right. Then nothing is refused that could be read in two ways:
  /// a first line without any number is a header, and the last columns are y, as in version 0.1.
  bool is_known = false;
};

/// Lines end in LF or CR LF, the separator is that of the first lines. Throws ConfigError naming `origin`, line and
/// column of what is not a finite number, and the key to set where a line or column could be two things.
[[nodiscard]] Samples<double> parse_csv(std::string_view text, const CsvReading& reading, const std::string& origin);

}  // namespace fasweep
