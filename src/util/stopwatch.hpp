// Elapsed wall time on the monotonic clock, in seconds. A clock set backwards does not disturb it.
#pragma once

#include <chrono>

namespace fasweep {

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  void restart() { start_ = std::chrono::steady_clock::now(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace fasweep
