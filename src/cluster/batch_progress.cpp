#include "cluster/batch_progress.hpp"

namespace fasweep {

void BatchProgress::begin(std::int64_t batch) {
  const std::lock_guard lock(mutex_);
  batch_ = batch;
  stopwatch_.restart();
  runs_.clear();
}

void BatchProgress::reached(std::int64_t run, double share, double restored) {
  const double cost = plan_.run_cost(run);
  const std::lock_guard lock(mutex_);
  seconds_ = stopwatch_.seconds();
  runs_[run] = {cost, share, restored};
}

double BatchProgress::restored() const {
  const std::lock_guard lock(mutex_);
  double flop = 0;
  for (const auto& [number, run] : runs_) {
    flop += run.share < 1 ? 0 : run.cost * run.restored;
  }
  return flop;
}

void BatchProgress::end() {
  const std::lock_guard lock(mutex_);
  runs_.clear();
}

std::optional<BatchWork> BatchProgress::report() const {
  const std::lock_guard lock(mutex_);
  if (runs_.empty()) {
    return std::nullopt;
  }
  BatchWork work{.batch = batch_, .seconds = seconds_};
  for (const auto& [number, run] : runs_) {
    work.done += run.cost * run.share;
    work.restored += run.cost * run.restored;
  }
  return work;
}

}  // namespace fasweep
