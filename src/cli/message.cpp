#include "cli/message.hpp"

#include <iostream>
#include <string>

#include "util/text.hpp"

namespace fasweep::cli {

void print_message(std::string_view text) {
  std::cerr << "fasweep: " + presentable(text) + "\n";
}

void print_line(std::string_view text) {
  std::cerr << presentable(text) + "\n";
}

}  // namespace fasweep::cli
