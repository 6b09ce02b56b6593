#include "train/train_loop.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "model/metric/list.hpp"
#include "train/end_status.hpp"

namespace fasweep {
namespace {

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

RecordHeader start_header(const RunSpec& run, const TrainingSettings& training, std::size_t values, Solver solver) {
  RecordHeader header;
  header.run = run.run;
  header.solver = solver;
  header.precision = training.precision;
  header.metrics = static_cast<std::uint32_t>(values);
  return header;
}

std::size_t count_snapshot_values(const MetricLayout& layout) {
  std::size_t count = 0;
  for (const MetricPlace& place : layout.places) {
    count += reads_snapshot(place.metric) ? place.size : 0;
  }
  return count;
}

}  // namespace

RunStatus status_of(StopReason reason) {
  switch (reason) {
    case StopReason::non_finite_loss:
    case StopReason::exploding_loss:
      return RunStatus::diverged;
    case StopReason::interrupted:
      return RunStatus::cancelled;
    case StopReason::error:
      return RunStatus::failed;
    default:
      return RunStatus::done;
  }
}

Recorder::Recorder(const RunSpec& run, const TrainingRequest& request, Solver solver)
    : steps_(request.record.steps),
      metrics_(request.record.metrics),
      visitor_(request.visitor),
      layout_(values_of(metrics_, sizes_of(request.data, request.training, run.width))),
      snapshot_size_(count_snapshot_values(layout_)),
      vanished_share_(vanished_loss_share(
          request.training.loss, solver == Solver::reduced_linear ? Precision::float64 : request.training.precision)) {
  static_cast<RecordHeader&>(record_) = start_header(run, request.training, layout_.values, solver);
  observations_.reserve(steps_.size() + 1);
}

void Recorder::add(const Observation& observation, bool is_recorded) {
  observations_.push_back(observation);
  next_ += is_recorded ? 1 : 0;
}

void Recorder::take(const Snapshot& snapshot) {
  const std::vector<double> values = evaluate_snapshot(metrics_, snapshot);
  snapshot_values_.insert(snapshot_values_.end(), values.begin(), values.end());
  if (visitor_ != nullptr) {
    visitor_->visit(record_.run, snapshot);
  }
}

void Recorder::save(ByteWriter& out) const {
  out.put(earlier_s_ + stopwatch_.seconds());
  out.put_array(std::span<const Observation>(observations_));
  out.put_array(std::span<const double>(snapshot_values_));
}

void Recorder::restore(ByteReader& in, std::int64_t next_step) {
  earlier_s_ = in.get<double>();
  if (!(earlier_s_ >= 0) || std::isinf(earlier_s_)) {
    throw TransportError("its checkpoint says that it trained for " + std::to_string(earlier_s_) + " s");
  }
  // While a run goes on, all observations belong to the trajectory.
  next_ = static_cast<std::size_t>(std::lower_bound(steps_.begin(), steps_.end(), next_step) - steps_.begin());
  observations_ = in.get_array<Observation>(next_);
  snapshot_values_ = in.get_array<double>(next_ * snapshot_size_);
}

std::int64_t get_step(ByteReader& in, std::int64_t end) {
  const auto step = in.get<std::int64_t>();
  if (step < 0 || step >= end) {
    throw TransportError("its checkpoint is of step " + std::to_string(step) + ", and the run ends at step " +
                         std::to_string(end));
  }
  return step;
}

StopMemory get_stop_memory(ByteReader& in) {
  const std::vector<double> memory = get_finite<double>(in, 2);
  return {memory[0], memory[1]};
}

/// The observation at this position, without gradients where they have vanished in rounding.
Observation Recorder::marked(std::size_t point) const {
  Observation observation = observations_[point];
  if (vanished_share_ > 0 && observation.batch_loss <= vanished_share_ * observations_.front().batch_loss) {
    observation.rule_gradient_square = 0;
    observation.backprop_gradient_square = 0;
    observation.gradient_dot = 0;
  }
  return observation;
}

/// The numbers of the observation at this position, in the order of the layout.
std::vector<double> Recorder::values(std::size_t point) const {
  std::vector<double> values;
  values.reserve(layout_.values);
  const Observation observation = marked(point);
  auto of_snapshot = snapshot_values_.begin() + static_cast<std::ptrdiff_t>(point * snapshot_size_);
  for (const MetricPlace& place : layout_.places) {
    if (reads_snapshot(place.metric)) {
      const auto end = of_snapshot + static_cast<std::ptrdiff_t>(place.size);
      values.insert(values.end(), of_snapshot, end);
      of_snapshot = end;
    } else {
      values.push_back(value_of(place.metric, observation));
    }
  }
  return values;
}

RunRecord Recorder::finish(std::int64_t steps, StopReason reason, std::optional<double> seconds) {
  record_.steps = steps;
  record_.reason = reason;
  record_.status = status_of(reason);
  record_.points = static_cast<std::uint32_t>(next_);
  record_.final_values = values(observations_.size() - 1);
  record_.trajectory.resize(layout_.values * next_);
  for (std::size_t point = 0; point < next_; ++point) {
    const std::vector<double> of_point = values(point);
    for (std::size_t value = 0; value < of_point.size(); ++value) {
      record_.trajectory[value * next_ + point] = of_point[value];
    }
  }
  record_.wall_s = earlier_s_ + seconds.value_or(stopwatch_.seconds());
  record_.finished_at = unix_seconds();
  return std::move(record_);
}

RunRecord failed_record(const RunSpec& run, const DataSettings& data, const TrainingSettings& training,
                        const RecordSettings& record, Solver solver, std::string error) {
  RunRecord failed;
  static_cast<RecordHeader&>(failed) =
      start_header(run, training, values_of(record.metrics, sizes_of(data, training, run.width)).values, solver);
  failed.status = RunStatus::failed;
  failed.reason = StopReason::error;
  failed.final_values.assign(failed.metrics, std::numeric_limits<double>::quiet_NaN());
  failed.finished_at = unix_seconds();
  failed.error = std::move(error);
  return failed;
}

}  // namespace fasweep
