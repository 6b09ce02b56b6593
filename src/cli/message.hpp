// What the program says to people on standard error, one message per line.
#pragma once

#include <string_view>

namespace fasweep::cli {

/// Prints "fasweep: TEXT", made presentable, at once, because worker threads print too.
void print_message(std::string_view text);

/// The text alone.
void print_line(std::string_view text);

}  // namespace fasweep::cli
