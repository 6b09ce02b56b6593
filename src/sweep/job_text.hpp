// The syntax of a job file: sections, keys, values, comments (Boost.Program_options config files). Knows no key.
#pragma once

#include <string_view>

#include "sweep/job.hpp"

namespace fasweep {

/// Every "section.key = value" of the text in order. Throws ConfigError on lines that are neither that nor a section
/// nor a comment; `origin` names the text in the message.
[[nodiscard]] KeyValues read_key_values(std::string_view text, std::string_view origin);

}  // namespace fasweep
