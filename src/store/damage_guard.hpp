// HDF5's library crashes on some damaged files and never returns from others. A file that carries no seal
// (store/file_seal.hpp) is therefore read under a guard, which ends the program with a message instead.
#pragma once

#include <array>
#include <csignal>
#include <ctime>
#include <string>

namespace fasweep {

/// Exit code of a program that met damaged results.
inline constexpr int damaged_exit_code = 5;

/// While it lives, a crash of this thread, or many seconds without progress, end the program with
/// damaged_exit_code. At most one may exist at a time.
class DamageGuard {
 public:
  /// path: the file being read, for the message.
  explicit DamageGuard(const std::string& path);
  ~DamageGuard();
  DamageGuard(const DamageGuard&) = delete;
  DamageGuard& operator=(const DamageGuard&) = delete;

 private:
  static constexpr std::array<int, 5> signals{SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGVTALRM};

  std::string crashed_;
  std::string endless_;
  std::array<struct sigaction, signals.size()> before_{};
  timer_t timer_{};
  bool has_timer_ = false;
};

}  // namespace fasweep
