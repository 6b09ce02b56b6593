#include "store/damage_guard.hpp"

#include <unistd.h>

namespace fasweep {
namespace {

/// What the handler writes; of the guarded thread alone.
struct Sentences {
  const std::string* crashed = nullptr;
  const std::string* endless = nullptr;
};
thread_local Sentences sentences;

/// Nothing can be unwound from here: the library is in the middle of something. The exit code is that of damaged
/// results.
extern "C" void end_program(int signal) {
  const std::string* sentence = signal == SIGVTALRM ? sentences.endless : sentences.crashed;
  if (sentence == nullptr) {  // another thread's own crash
    if (signal != SIGVTALRM) {
      ::signal(signal, SIG_DFL);
      raise(signal);
    }
    return;
  }
  static_cast<void>(!write(STDERR_FILENO, sentence->data(), sentence->size()));
  _exit(damaged_exit_code);
}

std::string make_sentence(const std::string& path, const std::string& why) {
  return "fasweep: '" + path + "' is damaged (" + why +
         "); move it elsewhere: the same command makes it again, from its journal if that exists\n";
}

}  // namespace

DamageGuard::DamageGuard(const std::string& path)
    : crashed_(make_sentence(path, "HDF5's library crashed on it")),
      endless_(make_sentence(path, "HDF5's library does not finish reading it")) {
  sentences = {&crashed_, &endless_};
  struct sigaction action {};
  action.sa_handler = end_program;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], &action, &before_[i]);
  }
  // CPU time of this thread: a slow disk is not damage. No sound file keeps HDF5 busy for this long in one call.
  constexpr time_t longest_s = 10;
  struct sigevent event {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event._sigev_un._tid = gettid();
  event.sigev_signo = SIGVTALRM;
  has_timer_ = timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) == 0;
  struct itimerspec when {};
  when.it_value.tv_sec = longest_s;
  if (has_timer_) {
    timer_settime(timer_, 0, &when, nullptr);
  }
}

DamageGuard::~DamageGuard() {
  if (has_timer_) {
    timer_delete(timer_);
  }
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], &before_[i], nullptr);
  }
  sentences = {};
}

}  // namespace fasweep
