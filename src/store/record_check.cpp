#include "store/record_check.hpp"

#include <algorithm>
#include <cmath>

#include "model/metric/list.hpp"
#include "train/end_status.hpp"
#include "util/text.hpp"

namespace fasweep {

std::string why_not_of_plan(const RecordHeader& header, std::int64_t run, const Plan& plan) {
  if (run < 0 || run >= plan.size()) {
    return "it belongs to run " + std::to_string(run) + ", and the plan has " + std::to_string(plan.size());
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
    return what + "numbers in a precision other than its plan's";
  }
  if (!(header.wall_s >= 0) || !std::isfinite(header.wall_s) || !std::isfinite(header.finished_at)) {
    return what + "impossible times (" + format_real(header.wall_s) + " s, ended at " +
           format_real(header.finished_at) + ")";
  }
  return {};
}

std::string find_odd_number(const RunRecord& record, const Plan& plan) {
  const std::string what = "run " + std::to_string(record.run) + " ";
  if (record.reason == StopReason::none || status_of(record.reason) != record.status) {
    return what + "claims to be " + std::string(name_of(record.status)) + " by " + std::string(name_of(record.reason));
  }
  const Point point = plan.point(record.run);
  const MetricLayout layout = plan.layout(point);
  if (record.reason == StopReason::max_steps && record.steps != point.training.max_steps) {
    return what + "claims to have made all of its " + std::to_string(point.training.max_steps) + " steps, and made " +
           std::to_string(record.steps);
  }
  if (record.status == RunStatus::done) {
    for (const MetricPlace& place : layout.places) {
      const auto loss = record.trajectory.begin() + static_cast<std::ptrdiff_t>(place.first * record.points);
      const bool is_finite = std::isfinite(record.final_values[place.first]) &&
                             std::all_of(loss, loss + record.points, [](double value) { return std::isfinite(value); });
      if (Metrics::names[static_cast<std::size_t>(place.metric)] == "loss" && !is_finite) {
        return what + "is done but has a loss that is not finite";
      }
    }
  }
  const std::vector<std::int64_t>& steps = plan.recorded_steps(point);
  const bool ends_recorded = record.points > 0 && steps[record.points - 1] == record.steps;
  for (std::size_t value = 0; ends_recorded && value < record.metrics; ++value) {
    const double last = record.trajectory[(value + 1) * record.points - 1];
    const double final_value = record.final_values[value];
    if (last != final_value && !(std::isnan(last) && std::isnan(final_value))) {
      return what + "has final numbers other than those of its last recorded step";
    }
  }
  return {};
}

}  // namespace fasweep
