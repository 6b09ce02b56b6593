// The syntax of a job file: sections, keys, values, comments. Knows no key.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fasweep {

/// "section.key" and its value, in the order they are to be applied; later ones win.
using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// A job file's text: its [grid] sections, each separately, and all others together.
struct JobText {
  KeyValues shared;
  std::vector<KeyValues> grids;
};

/// For --help: what a line may be.
inline constexpr std::string_view job_syntax =
    "[section] lines, key = value lines, and # comments, which begin a line or follow a blank";

/// Throws ConfigError naming the first line that is none of these, or holds blanks that only look like blanks; `origin`
/// names the text in the message. A byte order mark and Windows' line ends are not part of it.
[[nodiscard]] JobText read_job_text(std::string_view text, std::string_view origin);

/// Whether a line `key = value` is read as this very value.
[[nodiscard]] bool reads_back(std::string_view value);

/// A text that may stand in quotation marks, which keep a '#' in it from being a comment; and such a text. One that has
/// quotation marks itself cannot be in others and is as it is.
[[nodiscard]] std::string read_quoted(std::string_view value);
[[nodiscard]] std::string write_quoted(std::string_view value);

}  // namespace fasweep
