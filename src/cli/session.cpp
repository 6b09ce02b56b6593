#include "cli/session.hpp"

#include <unistd.h>

#include <array>

#include "cli/build_info.hpp"

namespace fasweep::cli {

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

SessionInfo make_session(std::string_view command, const Arguments& arguments) {
  std::string line = "fasweep " + std::string(command);
  for (const std::string& argument : arguments) {
    const bool plain = argument.find_first_of(" \t'\"$*&|;<>()#") == std::string::npos && !argument.empty();
    line += plain ? " " + argument : " '" + argument + "'";
  }
  // As a comment, so that the line can be run again: a file may be continued by another version than began it.
  return {line + "  # fasweep " + version_text(), build_text(), host_name()};
}

}  // namespace fasweep::cli
