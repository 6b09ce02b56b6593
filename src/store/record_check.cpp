#include "store/record_check.hpp"

#include <algorithm>

namespace fasweep {

std::string why_not_of_plan(const RecordHeader& header, std::int64_t run, const Plan& plan) {
  if (run < 0 || run >= plan.size()) {
    return "it is of run " + std::to_string(run) + ", and the plan has " + std::to_string(plan.size());
  }
  const std::string what = "the record of run " + std::to_string(run) + " has ";
  const Point point = plan.point(run);
  if (const std::size_t values = plan.layout(point).values; header.metrics != values) {
    return what + std::to_string(header.metrics) + " numbers a step instead of " + std::to_string(values);
  }
  if (header.steps > point.training.max_steps) {
    return what + std::to_string(header.steps) +
           " steps, more than max-steps = " + std::to_string(point.training.max_steps);
  }
  const std::vector<std::int64_t>& steps = plan.recorded_steps(point);
  const auto reached = std::upper_bound(steps.begin(), steps.end(), header.steps) - steps.begin();
  const bool may_have_none = header.status == RunStatus::failed || header.status == RunStatus::cancelled;
  if (header.points != reached && !(may_have_none && header.points <= reached)) {
    return what + std::to_string(header.points) + " recorded steps instead of " + std::to_string(reached);
  }
  if (header.precision != point.training.precision) {
    return what + "numbers in another precision than its plan says";
  }
  return {};
}

}  // namespace fasweep
