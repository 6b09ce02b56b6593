// Requests from outside: HUP, USR1, USR2 and the first INT or TERM ask to drain, a second INT or TERM to stop at once.
// The handler only notes; the sweep polls. Nothing depends on a handler for safety.
#pragma once

#include <string>

namespace fasweep::cli {

/// HUP stays ignored where it was, as nohup has it.
void install_signal_handlers();

/// 0 run on, 1 drain, 2 stop at once.
[[nodiscard]] int stop_request();

/// "HUP", "TERM", ...: the first signal that asked to stop; empty if none did.
[[nodiscard]] std::string stop_signal_name();

}  // namespace fasweep::cli
