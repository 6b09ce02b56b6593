#include "cli/signals.hpp"

#include <algorithm>
#include <array>
#include <csignal>

namespace fasweep::cli {
namespace {

/// A signal that asks to stop. When a terminal closes, shell and kernel may both send HUP: it only ever drains.
struct StopSignal {
  int number;
  const char* name;
  bool drains_only;
};
constexpr std::array<StopSignal, 5> stop_signals{{{SIGHUP, "HUP", true},
                                                  {SIGINT, "INT", false},
                                                  {SIGTERM, "TERM", false},
                                                  {SIGUSR1, "USR1", true},
                                                  {SIGUSR2, "USR2", true}}};

const StopSignal* find_stop_signal(int number) {
  const auto* found =
      std::find_if(stop_signals.begin(), stop_signals.end(), [&](const StopSignal& s) { return s.number == number; });
  return found == stop_signals.end() ? nullptr : found;
}

// A handler may touch nothing else; these are the globals of the program.
volatile std::sig_atomic_t stop_level = 0;
volatile std::sig_atomic_t first_signal = 0;

extern "C" void note_signal(int signal) {
  first_signal = first_signal == 0 ? signal : first_signal;
  const bool drains_only = find_stop_signal(signal)->drains_only;
  stop_level = drains_only || stop_level == 0 ? (stop_level > 1 ? 2 : 1) : 2;
}

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  for (const StopSignal& signal : stop_signals) {
    if (signal.number != SIGHUP || !is_ignored(SIGHUP)) {
      sigaction(signal.number, &action, nullptr);
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
}

int stop_request() {
  return stop_level;
}

std::string stop_signal_name() {
  const StopSignal* signal = find_stop_signal(first_signal);
  return signal == nullptr ? "" : signal->name;
}

}  // namespace fasweep::cli
