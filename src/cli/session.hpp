// Who runs this program: what each start writes into a result file's provenance.
#pragma once

#include <string>
#include <string_view>

#include "cli/command.hpp"
#include "store/result_store.hpp"

namespace fasweep::cli {

[[nodiscard]] std::string host_name();

/// Describes this start of `fasweep COMMAND ARGUMENTS`.
[[nodiscard]] SessionInfo make_session(std::string_view command, const Arguments& arguments);

}  // namespace fasweep::cli
