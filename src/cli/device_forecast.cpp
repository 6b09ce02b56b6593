#include "cli/device_forecast.hpp"

#include <algorithm>
#include <cmath>

#include "model/solver.hpp"

namespace fasweep::cli {
namespace {

std::int64_t count(const auto& values) {
  return static_cast<std::int64_t>(values.size());
}

/// Rules and ridges of an activation and width whose runs the device takes.
std::int64_t runs_a_seed(const Plan& plan, const DeviceProfile& device, int activation, int width) {
  const Job& job = plan.job();
  return count(job.grid.ridges) * std::count_if(job.grid.rules.begin(), job.grid.rules.end(), [&](int rule) {
           const RunSpec run{0, width, 0, activation, rule, 0};
           return choose_device_solver(job.data, job.training, plan.wanted_solver(), run,
                                       {device.shared_bytes_a_block, false}) == Solver::sample_space;
         });
}

/// Steps that a run takes at most, the mean over the ridges.
double mean_steps(const Job& job, int activation) {
  double steps = 0;
  for (const double ridge : job.grid.ridges) {
    const TrainingSettings& t = job.training;
    const double step_size = t.step_size[static_cast<std::size_t>(activation)];
    steps += static_cast<double>(StopMonitor(t.stop, t.schedule, step_size, ridge, t.max_steps).last_step());
  }
  return steps / static_cast<double>(job.grid.ridges.size());
}

ForecastRow forecast_row(const Plan& plan, const DeviceProfile& device, int activation, int width) {
  const Job& job = plan.job();
  const BatchShape shape{job.data.samples, job.data.samples + job.data.test_samples, width};
  ForecastRow row;
  row.activation = activation;
  row.width = width;
  row.runs = runs_a_seed(plan, device, activation, width) * count(job.grid.seeds);
  if (row.runs == 0) {
    return row;
  }
  row.resident_blocks = resident_blocks(device, train_step_registers, kernels::shared_bytes(job.data.samples));
  row.batch = choose_batch(device, shape, static_cast<int>(std::min<std::int64_t>(row.runs, 1 << 20)));
  row.steps = mean_steps(job, activation);
  row.step = forecast_step(device, shape, activation, row.batch);
  const std::int64_t chunks = count_chunks(job.record.steps, static_cast<std::int64_t>(row.steps));
  const std::int64_t whole = row.runs / row.batch;
  const auto rest = static_cast<int>(row.runs % row.batch);
  row.seconds = static_cast<double>(whole) * forecast_batch(device, shape, activation, row.batch, row.steps, chunks) +
                (rest > 0 ? forecast_batch(device, shape, activation, rest, row.steps, chunks) : 0);
  return row;
}

}  // namespace

DeviceForecast forecast_device(const Plan& plan, const DeviceProfile& device) {
  const Job& job = plan.job();
  DeviceForecast forecast;
  forecast.left_to_cpu = plan.size();
  for (const int activation : job.grid.activations) {
    for (const int width : job.grid.widths) {
      const ForecastRow row = forecast_row(plan, device, activation, width);
      if (row.runs == 0) {
        continue;
      }
      const BatchShape shape{job.data.samples, job.data.samples + job.data.test_samples, width};
      forecast.rows.push_back(row);
      forecast.left_to_cpu -= row.runs;
      forecast.device_s += row.seconds;
      forecast.setup_s += static_cast<double>(job.grid.seeds.size()) *
                          setup_cost(Solver::sample_space, job.data, width) / nominal_flop_per_second;
      forecast.most_batch_bytes =
          std::max(forecast.most_batch_bytes, static_cast<double>(batch_bytes(shape, row.batch, row.batch)));
    }
  }
  return forecast;
}

}  // namespace fasweep::cli
