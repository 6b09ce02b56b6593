// Lets the main thread of a rank sleep until a worker thread has something for it or a time has passed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace fasweep {

class Waker {
 public:
  void wake() {
    {
      const std::lock_guard lock(mutex_);
      awake_ = true;
    }
    condition_.notify_one();
  }

  /// Returns when wake() was called since the last return, or after `seconds`.
  void wait(double seconds) {
    std::unique_lock lock(mutex_);
    condition_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return awake_; });
    awake_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool awake_ = false;
};

}  // namespace fasweep
