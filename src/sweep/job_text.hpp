// The syntax of a job file: sections, keys, values, comments (Boost.Program_options config files). Knows no key.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fasweep {

/// "section.key" and its value, in the order they are to be applied; later ones win.
using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// A job file's text: its [grid] sections, each for itself, and all others together.
struct JobText {
  KeyValues shared;
  std::vector<KeyValues> grids;
};

/// Throws ConfigError on lines that are neither a key and its value nor a section nor a comment; `origin` names the
/// text in the message.
[[nodiscard]] JobText read_job_text(std::string_view text, std::string_view origin);

}  // namespace fasweep
