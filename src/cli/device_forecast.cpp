#include "cli/device_forecast.hpp"

#include <algorithm>
#include <optional>

#include "backend/cuda/device_plan.hpp"
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

}  // namespace

DeviceForecast forecast_device(const Plan& plan, const DeviceProfile& device) {
  DeviceForecast forecast;
  forecast.left_to_cpu = plan.size();
  if (!why_left_to_cpu(plan.metrics()).empty()) {
    return forecast;
  }
  for (const Group& group : group_runs(plan, device)) {
    const StepShape shape = step_shape(group.settings.data, group.settings.training, group.run.width);
    const std::optional<StepForecast> step = forecast_step(device, group.solver, group.run.activation, shape);
    forecast.left_to_cpu -= group.runs;
    if (!step) {
      forecast.unknown += group.runs;
      continue;
    }
    forecast.rows.push_back({group.solver, group.run.activation, group.run.width, group.runs,
                             group.steps / static_cast<double>(group.runs), *step, group.steps * step->seconds});
    forecast.device_s += forecast.rows.back().seconds;
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
