// Requests from outside: USR1, USR2 and the first INT or TERM ask to drain, a second INT or TERM to stop at once. The
// handler only counts; the sweep polls. Nothing depends on a handler for safety.
#pragma once

namespace fasweep::cli {

void install_signal_handlers();

/// 0 run on, 1 drain, 2 stop at once.
[[nodiscard]] int stop_request();

}  // namespace fasweep::cli
