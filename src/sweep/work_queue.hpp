// The runs still to do, handed out in batches, longest predicted first (LPT). No clock, no threads: the master drives
// it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "sweep/plan.hpp"

namespace fasweep {

/// Work for one worker: ranges in the order to train them.
struct Batch {
  std::vector<RunRange> ranges;
  double cost = 0;  // predicted flop, set-up included

  [[nodiscard]] std::int64_t runs() const;
};

class WorkQueue {
 public:
  /// All runs of the plan's shard for which `is_done(run)` is false.
  WorkQueue(const Plan& plan, const std::function<bool(std::int64_t run)>& is_done);

  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::int64_t runs_left() const { return runs_left_; }
  [[nodiscard]] double cost_left() const { return cost_left_; }
  /// Predicted flop of the run handed out next; 0 if there is none.
  [[nodiscard]] double next_run_cost() const { return items_.empty() ? 0 : items_.front().run_cost; }

  /// The longest runs left, about `target_cost` flop of them but at least one run and at most `max_runs`; none that
  /// costs more than `most_run_cost`, its set-up included. Empty if no such run is left.
  [[nodiscard]] std::optional<Batch> take(double target_cost,
                                          std::int64_t max_runs = std::numeric_limits<std::int64_t>::max(),
                                          double most_run_cost = std::numeric_limits<double>::infinity());

  /// Returns runs that were taken but not finished; they are handed out next, and each range alone in its batch if
  /// `alone`.
  void put_back(const std::vector<RunRange>& ranges, bool alone = false);

 private:
  /// Pending consecutive runs of one problem.
  struct Item {
    RunRange range;
    double run_cost = 0;    // of each run
    double setup_cost = 0;  // of the item
    bool alone = false;     // in its batch
  };
  [[nodiscard]] Item make_item(RunRange range) const;

  const Plan* plan_;
  std::deque<Item> items_;
  std::int64_t runs_left_ = 0;
  double cost_left_ = 0;
  double none_at_most_ = -1;  // known: no run left costs as little; saves looking for one again and again
};

}  // namespace fasweep
