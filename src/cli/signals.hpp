// Requests from outside: HUP, USR1, USR2 and the first INT or TERM ask to drain, a second INT or TERM to stop at once.
// The handler only takes note; the sweep polls. Safety never depends on a handler.
#pragma once

#include <string>

namespace fasweep::cli {

/// HUP stays ignored if it was, as under nohup.
void install_signal_handlers();

/// 0 keep running, 1 drain, 2 stop at once.
[[nodiscard]] int stop_request();

/// "HUP", "TERM", ...: the first signal that asked to stop; empty if none did.
[[nodiscard]] std::string stop_signal_name();

}  // namespace fasweep::cli
