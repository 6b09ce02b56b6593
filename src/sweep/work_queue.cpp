#include "sweep/work_queue.hpp"

#include <algorithm>
#include <cmath>

namespace fasweep {

std::int64_t Batch::runs() const {
  std::int64_t runs = 0;
  for (const RunRange& range : ranges) {
    runs += range.count;
  }
  return runs;
}

WorkQueue::WorkQueue(const Plan& plan, const std::function<bool(std::int64_t run)>& is_done) : plan_(&plan) {
  for (std::int64_t problem = plan.shard().index; problem < plan.problems(); problem += plan.shard().count) {
    const RunRange all = plan.runs_of(problem);
    const std::int64_t end = all.first + all.count;
    for (std::int64_t run = all.first; run < end;) {
      RunRange range{run, 0};
      while (run < end && !is_done(run)) {
        ++range.count;
        ++run;
      }
      if (range.count > 0) {
        items_.push_back(make_item(range));
      } else {
        ++run;
      }
    }
  }
  std::stable_sort(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.run_cost > b.run_cost; });
  for (const Item& item : items_) {
    runs_left_ += item.range.count;
    cost_left_ += item.run_cost * static_cast<double>(item.range.count) + item.setup_cost;
  }
}

std::optional<Batch> WorkQueue::take(double target_cost, std::int64_t max_runs, double most_run_cost) {
  if (most_run_cost <= none_at_most_) {
    return std::nullopt;
  }
  Batch batch;
  const auto fits = [=](const Item& item) { return item.run_cost + item.setup_cost <= most_run_cost; };
  auto next = std::find_if(items_.begin(), items_.end(), fits);
  while (next != items_.end() && (batch.ranges.empty() || batch.cost < target_cost) && max_runs > 0) {
    Item& item = *next;
    const bool alone = item.alone;
    if (alone && !batch.ranges.empty()) {
      break;
    }
    const double room = (target_cost - batch.cost - item.setup_cost) / item.run_cost;
    const auto whole = static_cast<double>(std::min(item.range.count, max_runs));
    const auto count = static_cast<std::int64_t>(std::clamp(std::ceil(room), 1.0, whole));
    batch.ranges.push_back({item.range.first, count});
    const double cost = static_cast<double>(count) * item.run_cost;
    batch.cost += cost + item.setup_cost;
    max_runs -= count;
    runs_left_ -= count;
    cost_left_ -= cost;
    item.range.first += count;
    item.range.count -= count;
    if (item.range.count == 0) {
      cost_left_ -= item.setup_cost;
      next = std::find_if(items_.erase(next), items_.end(), fits);
    }
    if (alone) {
      break;
    }
  }
  if (batch.ranges.empty()) {
    none_at_most_ = most_run_cost;
    return std::nullopt;
  }
  return batch;
}

void WorkQueue::put_back(const std::vector<RunRange>& ranges, bool alone) {
  none_at_most_ = -1;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    // A range may not span problems in the queue, so that set-up is counted once an item.
    for (std::int64_t end = range->first + range->count; end > range->first;) {
      const std::int64_t first = std::max(plan_->runs_of(plan_->problem_of(end - 1)).first, range->first);
      items_.push_front(make_item({first, end - first}));
      items_.front().alone = alone;
      const Item& item = items_.front();
      runs_left_ += item.range.count;
      cost_left_ += item.run_cost * static_cast<double>(item.range.count) + item.setup_cost;
      end = first;
    }
  }
}

WorkQueue::Item WorkQueue::make_item(RunRange range) const {
  double cost = 0;
  for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
    cost += plan_->run_cost(run);
  }
  return {.range = range,
          .run_cost = cost / static_cast<double>(range.count),
          .setup_cost = plan_->setup_cost(range.first)};
}

}  // namespace fasweep
