// Workers without a run to train lend their core to those that have one.
#pragma once

#include <functional>

namespace fasweep {

class IdleWorkers {
 public:
  virtual ~IdleWorkers() = default;
  IdleWorkers() = default;
  IdleWorkers(const IdleWorkers&) = delete;
  IdleWorkers& operator=(const IdleWorkers&) = delete;

  /// Whether a worker was idle and calls the task, which must not throw, on its thread at once. From any thread.
  [[nodiscard]] virtual bool take(std::function<void()> task) = 0;
};

}  // namespace fasweep
