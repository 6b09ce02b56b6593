#include "cli/device_forecast.hpp"

#include <algorithm>
#include <cmath>

#include "model/solver.hpp"
#include "model/stop/monitor.hpp"

namespace fasweep::cli {
namespace {

/// Runs of one shape and the same settings, which train together.
struct Group {
  Solver solver;
  RunSpec run;  // one of them
  RunSettings settings;
  std::int64_t runs = 0;
  double steps = 0;  // of all of them, at most
};

std::vector<Group> group_runs(const Plan& plan, const DeviceProfile& device) {
  std::vector<Group> groups;
  for (std::int64_t number = 0; number < plan.size(); ++number) {
    Point point = plan.point(number);
    const RunSpec run = point.run;
    RunSettings settings = plan.settings(std::move(point));
    const TrainingSettings& t = settings.training;
    const Solver solver =
        choose_device_solver(settings.data, t, plan.wanted_solver(), run, {device.shared_bytes_a_block, true});
    if (solver == Solver::automatic) {
      continue;
    }
    const double steps =
        static_cast<double>(StopMonitor(t.stop, t.schedule, run.step_size, run.ridge, t.max_steps).last_step());
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
      return other.solver == solver && other.run.activation == run.activation && other.run.width == run.width &&
             other.settings == settings;
    });
    if (group == groups.end()) {
      group = groups.insert(group, {solver, run, std::move(settings)});
    }
    ++group->runs;
    group->steps += steps;
  }
  return groups;
}

/// Fills in all that depends on the batch. forecast_batch(runs): seconds of one batch.
template <class ForecastBatch>
void add_batches(ForecastRow& row, ForecastBatch forecast_batch) {
  const std::int64_t whole = row.runs / row.batch;
  const auto rest = static_cast<int>(row.runs % row.batch);
  row.seconds = static_cast<double>(whole) * forecast_batch(row.batch) + (rest > 0 ? forecast_batch(rest) : 0);
}

void forecast_sample_space(const RunSettings& settings, const DeviceProfile& device, ForecastRow& row) {
  const BatchShape shape{settings.data.samples, settings.data.samples + settings.data.test_samples, row.width};
  row.resident_blocks = resident_blocks(device, train_step_registers, kernels::shared_bytes(settings.data.samples));
  row.batch = choose_batch(device, shape, static_cast<int>(std::min<std::int64_t>(row.runs, 1 << 20)));
  row.batch_bytes = static_cast<double>(batch_bytes(shape, row.batch, row.batch));
  row.step = forecast_step(device, shape, row.activation, row.batch);
  const std::int64_t chunks = count_chunks(settings.record.steps, static_cast<std::int64_t>(row.steps));
  add_batches(row, [&](int runs) { return forecast_batch(device, shape, row.activation, runs, row.steps, chunks); });
}

void forecast_weight_space(const RunSettings& settings, const DeviceProfile& device, ForecastRow& row) {
  const WeightSpaceShape shape =
      weight_space_shape(settings.data, settings.training, settings.record.metrics, row.width);
  row.batch = choose_batch(device, shape, static_cast<int>(std::min<std::int64_t>(row.runs, 1 << 20)));
  row.batch_bytes = static_cast<double>(measure(shape, row.batch, row.batch).bytes() +
                                        (shape.shares_data ? dataset_bytes(shape) : 0));
  row.step = forecast_step(device, shape, row.batch);
  const std::vector<std::int64_t>& steps = settings.record.steps;
  const std::int64_t recorded = std::count_if(
      steps.begin(), steps.end(), [&](std::int64_t step) { return static_cast<double>(step) <= row.steps; });
  add_batches(row, [&](int runs) { return forecast_batch(device, shape, runs, row.steps, recorded); });
}

}  // namespace

DeviceForecast forecast_device(const Plan& plan, const DeviceProfile& device) {
  DeviceForecast forecast;
  forecast.left_to_cpu = plan.size();
  forecast.why_left_to_cpu = why_left_to_cpu(plan.metrics());
  if (!forecast.why_left_to_cpu.empty()) {
    return forecast;
  }
  for (const Group& group : group_runs(plan, device)) {
    ForecastRow row;
    row.solver = group.solver;
    row.activation = group.run.activation;
    row.width = group.run.width;
    row.runs = group.runs;
    row.steps = group.steps / static_cast<double>(group.runs);
    if (group.solver == Solver::sample_space) {
      forecast_sample_space(group.settings, device, row);
    } else {
      forecast_weight_space(group.settings, device, row);
    }
    forecast.rows.push_back(row);
    forecast.left_to_cpu -= row.runs;
    forecast.device_s += row.seconds;
    forecast.most_batch_bytes = std::max(forecast.most_batch_bytes, row.batch_bytes);
  }
  for (std::int64_t problem = 0; problem < plan.problems(); ++problem) {
    const std::int64_t run = plan.runs_of(problem).first;
    const RunSettings settings = plan.settings(run);
    const Solver solver = choose_device_solver(settings.data, settings.training, plan.wanted_solver(), plan.at(run),
                                               {device.shared_bytes_a_block, true});
    if (solver != Solver::automatic) {
      forecast.setup_s += setup_cost(solver, settings.data, plan.at(run).width) / nominal_flop_per_second;
    }
  }
  return forecast;
}

}  // namespace fasweep::cli
