#include "train/train_loop.hpp"

#include <chrono>

namespace fasweep {
namespace {

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

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

RecordHeader start_header(const RunSpec& run, const TrainingSettings& training, const RecordSettings& record,
                          Solver solver) {
  RecordHeader header;
  header.run = run.run;
  header.solver = solver;
  header.precision = training.precision;
  header.metrics = static_cast<std::uint32_t>(record.metrics.size());
  return header;
}

}  // namespace

Recorder::Recorder(const RunSpec& run, const TrainingRequest& request, Solver solver)
    : steps_(request.record.steps), metrics_(request.record.metrics) {
  static_cast<RecordHeader&>(record_) = start_header(run, request.training, request.record, solver);
  observations_.reserve(steps_.size() + 1);
}

void Recorder::add(const Observation& observation, bool is_recorded) {
  observations_.push_back(observation);
  next_ += is_recorded ? 1 : 0;
}

void Recorder::save(ByteWriter& out) const {
  out.put(earlier_s_ + stopwatch_.seconds());
  out.put(static_cast<std::uint64_t>(next_));
  out.put_array(std::span<const Observation>(observations_));
}

void Recorder::restore(ByteReader& in) {
  earlier_s_ = in.get<double>();
  next_ = in.get<std::uint64_t>();
  observations_ = in.get_array<Observation>(next_);  // while a run goes on, all of them belong to the trajectory
}

RunRecord Recorder::finish(std::int64_t steps, StopReason reason, std::optional<double> seconds) {
  record_.steps = steps;
  record_.reason = reason;
  record_.status = status_of(reason);
  record_.points = static_cast<std::uint32_t>(next_);
  record_.final_values = evaluate_metrics(metrics_, observations_.back());
  record_.trajectory.resize(metrics_.size() * next_);
  for (std::size_t point = 0; point < next_; ++point) {
    const std::vector<double> values = evaluate_metrics(metrics_, observations_[point]);
    for (std::size_t metric = 0; metric < metrics_.size(); ++metric) {
      record_.trajectory[metric * next_ + point] = values[metric];
    }
  }
  record_.wall_s = earlier_s_ + seconds.value_or(stopwatch_.seconds());
  record_.finished_at = unix_seconds();
  return std::move(record_);
}

RunRecord failed_record(const RunSpec& run, const TrainingSettings& training, const RecordSettings& record,
                        Solver solver, std::string error) {
  RunRecord failed;
  static_cast<RecordHeader&>(failed) = start_header(run, training, record, solver);
  failed.status = RunStatus::failed;
  failed.reason = StopReason::error;
  failed.final_values.assign(failed.metrics, std::numeric_limits<double>::quiet_NaN());
  failed.finished_at = unix_seconds();
  failed.error = std::move(error);
  return failed;
}

}  // namespace fasweep
