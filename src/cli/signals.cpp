#include "cli/signals.hpp"

#include <csignal>
#include <initializer_list>

namespace fasweep::cli {
namespace {

// A handler may touch nothing else; this is the one global of the program.
volatile std::sig_atomic_t stop_level = 0;

extern "C" void count_signal(int signal) {
  const bool drain_only = signal == SIGUSR1 || signal == SIGUSR2;
  stop_level = drain_only || stop_level == 0 ? (stop_level > 1 ? 2 : 1) : 2;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = count_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    sigaction(signal, &action, nullptr);
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error the store reports
}

int stop_request() {
  return stop_level;
}

}  // namespace fasweep::cli
