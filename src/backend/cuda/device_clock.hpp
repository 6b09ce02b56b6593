// How long each user has had a device: of the time in which several use it at once, each has an equal share. So the
// times of runs that shared a device add up to what passed.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "util/stopwatch.hpp"

namespace fasweep {

class DeviceClock {
 public:
  DeviceClock() : DeviceClock([stopwatch = Stopwatch()] { return stopwatch.seconds(); }) {}

  /// seconds: a monotonic clock.
  explicit DeviceClock(std::function<double()> seconds) : seconds_(std::move(seconds)) {}

  /// The clock of device `device` of this process.
  [[nodiscard]] static DeviceClock& of(int device) {
    static std::mutex mutex;
    static std::map<int, DeviceClock> clocks;
    const std::lock_guard lock(mutex);
    return clocks[device];
  }

 private:
  friend class DeviceTurn;

  /// Seconds of a user that was present all the time; from now on `more` additional users share the device.
  double read(int more = 0) {
    const std::lock_guard lock(mutex_);
    const double now = seconds_();
    share_ += users_ > 0 ? (now - last_) / users_ : 0;
    last_ = now;
    users_ += more;
    return share_;
  }

  std::function<double()> seconds_;
  std::mutex mutex_;
  double last_ = 0;
  double share_ = 0;
  int users_ = 0;
};

/// Uses a device from its making to its end.
class DeviceTurn {
 public:
  explicit DeviceTurn(DeviceClock& clock) : clock_(clock), begin_(clock.read(1)) {}
  ~DeviceTurn() { clock_.read(-1); }
  DeviceTurn(const DeviceTurn&) = delete;
  DeviceTurn& operator=(const DeviceTurn&) = delete;

  /// This user's share of the time so far.
  [[nodiscard]] double seconds() const { return clock_.read() - begin_; }

 private:
  DeviceClock& clock_;
  double begin_;
};

}  // namespace fasweep
