#include "cli/device_forecast.hpp"

#include <algorithm>
#include <cmath>

#include "model/solver.hpp"
#include "model/stop/monitor.hpp"

namespace fasweep::cli {
namespace {

std::int64_t count(const auto& values) {
  return static_cast<std::int64_t>(values.size());
}

/// Rules and ridges of an activation and width whose runs the device trains by `solver`.
std::int64_t runs_a_seed(const Plan& plan, const DeviceProfile& device, Solver solver, int activation, int width) {
  const Job& job = plan.job();
  return count(job.grid.ridges) * std::count_if(job.grid.rules.begin(), job.grid.rules.end(), [&](int rule) {
           const RunSpec run{0, width, 0, activation, rule, 0};
           return choose_device_solver(job.data, job.training, plan.wanted_solver(), run,
                                       {device.shared_bytes_a_block, true}) == solver;
         });
}

/// Steps that a run takes at most, the mean over the ridges.
double mean_steps(const Job& job, int activation) {
  double steps = 0;
  for (const double ridge : job.grid.ridges) {
    const TrainingSettings& t = job.training;
    const double step_size = job.step_size[static_cast<std::size_t>(activation)];
    steps += static_cast<double>(StopMonitor(t.stop, t.schedule, step_size, ridge, t.max_steps).last_step());
  }
  return steps / static_cast<double>(job.grid.ridges.size());
}

std::int64_t recorded_until(const Job& job, double last) {
  return std::count_if(job.record.steps.begin(), job.record.steps.end(),
                       [&](std::int64_t step) { return static_cast<double>(step) <= last; });
}

/// Fills in all that depends on the batch. forecast_batch(runs): seconds of one batch.
template <class ForecastBatch>
void add_batches(ForecastRow& row, ForecastBatch forecast_batch) {
  const std::int64_t whole = row.runs / row.batch;
  const auto rest = static_cast<int>(row.runs % row.batch);
  row.seconds = static_cast<double>(whole) * forecast_batch(row.batch) + (rest > 0 ? forecast_batch(rest) : 0);
}

void forecast_sample_space(const Plan& plan, const DeviceProfile& device, ForecastRow& row) {
  const Job& job = plan.job();
  const BatchShape shape{job.data.samples, job.data.samples + job.data.test_samples, row.width};
  row.resident_blocks = resident_blocks(device, train_step_registers, kernels::shared_bytes(job.data.samples));
  row.batch = choose_batch(device, shape, static_cast<int>(std::min<std::int64_t>(row.runs, 1 << 20)));
  row.batch_bytes = static_cast<double>(batch_bytes(shape, row.batch, row.batch));
  row.step = forecast_step(device, shape, row.activation, row.batch);
  const std::int64_t chunks = count_chunks(job.record.steps, static_cast<std::int64_t>(row.steps));
  add_batches(row, [&](int runs) { return forecast_batch(device, shape, row.activation, runs, row.steps, chunks); });
}

void forecast_weight_space(const Plan& plan, const DeviceProfile& device, ForecastRow& row) {
  const Job& job = plan.job();
  const WeightSpaceShape shape = weight_space_shape(job.data, job.training, job.record.metrics, row.width);
  row.batch = choose_batch(device, shape, static_cast<int>(std::min<std::int64_t>(row.runs, 1 << 20)));
  row.batch_bytes = static_cast<double>(measure(shape, row.batch, row.batch).bytes() +
                                        (shape.shares_data ? dataset_bytes(shape) : 0));
  row.step = forecast_step(device, shape, row.batch);
  const std::int64_t recorded = recorded_until(job, row.steps);
  add_batches(row, [&](int runs) { return forecast_batch(device, shape, runs, row.steps, recorded); });
}

}  // namespace

DeviceForecast forecast_device(const Plan& plan, const DeviceProfile& device) {
  const Job& job = plan.job();
  DeviceForecast forecast;
  forecast.left_to_cpu = plan.size();
  for (const int activation : job.grid.activations) {
    for (const int width : job.grid.widths) {
      for (const Solver solver : {Solver::sample_space, Solver::weight_space}) {
        ForecastRow row;
        row.solver = solver;
        row.activation = activation;
        row.width = width;
        row.runs = runs_a_seed(plan, device, solver, activation, width) * count(job.grid.seeds);
        if (row.runs == 0) {
          continue;
        }
        row.steps = mean_steps(job, activation);
        if (solver == Solver::sample_space) {
          forecast_sample_space(plan, device, row);
        } else {
          forecast_weight_space(plan, device, row);
        }
        forecast.rows.push_back(row);
        forecast.left_to_cpu -= row.runs;
        forecast.device_s += row.seconds;
        forecast.setup_s +=
            static_cast<double>(job.grid.seeds.size()) * setup_cost(solver, job.data, width) / nominal_flop_per_second;
        forecast.most_batch_bytes = std::max(forecast.most_batch_bytes, row.batch_bytes);
      }
    }
  }
  return forecast;
}

}  // namespace fasweep::cli
