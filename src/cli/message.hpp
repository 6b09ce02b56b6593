// What the program says to people on standard error, one message a line.
#pragma once

#include <string_view>

namespace fasweep::cli {

/// "fasweep: TEXT", presentable on a terminal, at once: worker threads speak too.
void print_message(std::string_view text);

/// The text alone.
void print_line(std::string_view text);

}  // namespace fasweep::cli
