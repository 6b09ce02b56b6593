// fasweep plan: what a job would do, without MPI and without touching a file.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <map>
#include <span>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/device_forecast.hpp"
#include "cli/device_profile_file.hpp"
#include "cli/format.hpp"
#include "model/activation/list.hpp"
#include "sweep/plan.hpp"
#include "sweep/value_list.hpp"
#include "util/machine_limits.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

/// Runs of the plan by the solver that would train them.
std::map<std::string_view, std::int64_t> count_solvers(const Plan& plan) {
  std::map<std::string_view, std::int64_t> counts;
  plan.for_each_kind([&](const Plan::Kind& kind) { counts[name_of(kind.cost.solver)] += kind.runs; });
  return counts;
}

nlohmann::json describe(const Plan& plan, const PlanSize& size, std::span<const DataReport> reports) {
  nlohmann::json json;
  json["runs"] = plan.size();
  json["problems"] = plan.problems();
  json["plan_hash"] = format_hash(plan.hash());
  for (const auto& [solver, runs] : count_solvers(plan)) {
    json["solvers"][std::string(solver)] = runs;
  }
  json["recorded_steps"] = plan.recorded_steps().size();
  json["metrics"] = plan.metrics().size();
  json["numbers_a_step"] = plan.layout().values;
  json["predicted_flop"] = size.flop;
  json["predicted_core_seconds"] = size.flop / nominal_flop_per_second;
  json["predicted_snapshot_core_seconds"] = size.snapshot_flop / nominal_flop_per_second;
  json["file_bytes"] = size.file_bytes;
  json["journal_bytes"] = size.journal_bytes;
  json["data_bytes"] = size.data_bytes;
  json["bytes_per_worker"] = size.worker_bytes;
  json["master_bytes"] = size.master_bytes;
  json["cores_here"] = static_cast<std::int64_t>(core_limit().value);
  json["memory_bytes_here"] = static_cast<std::int64_t>(memory_limit().value);
  json["job"] = resolved_text(plan.job());
  for (const DataReport& report : reports) {
    json["data"].push_back({{"understood", report.understood}, {"warnings", report.warnings}});
  }
  return json;
}

void print(const Plan& plan, const PlanSize& size, std::span<const DataReport> reports) {
  std::cout << resolved_text(plan.job()) << "\n";
  for (const DataReport& report : reports) {
    std::cout << report.understood << "\n";
  }
  std::cout << plan.size() << " runs";
  std::string_view separator = ": ";
  for (const Grid& grid : plan.job().grids) {
    for (const Dimension& dimension : grid.dimensions()) {
      if (dimension.size == 1) {
        continue;
      }
      std::cout << separator << dimension.size;
      separator = " ";
      for (const Axis& axis : dimension.axes) {
        std::cout << separator << axis.key->short_name();
        separator = " with ";
      }
      separator = " x ";
    }
    separator = ", and ";
  }
  std::cout << "; " << plan.problems() << " problems (data and initial state)\n";
  std::cout << "solvers:";
  for (const auto& [solver, runs] : count_solvers(plan)) {
    std::cout << " " << solver << " " << runs;
  }
  const double seconds = size.flop / nominal_flop_per_second;
  std::cout << "\nrecorded: " << plan.recorded_steps().size() << " steps x " << plan.metrics().size() << " metrics"
            << (plan.layout().values > plan.metrics().size()
                    ? ", " + std::to_string(plan.layout().values) + " numbers a step"
                    : "")
            << "\n"
            << "cost: at most " << format_duration(seconds) << " on one core ("
            << format_real(nominal_flop_per_second / 1e9) << " Gflop/s assumed; runs that stop early cost less)"
            << (size.snapshot_flop > 0 ? ", of it " + format_duration(size.snapshot_flop / nominal_flop_per_second) +
                                             " for metrics that read the whole network"
                                       : "")
            << "\n"
            << "file: at most " << format_bytes(static_cast<double>(size.file_bytes)) << ", and "
            << format_bytes(static_cast<double>(size.journal_bytes)) << " of journal while it runs\n"
            << "memory: " << format_bytes(static_cast<double>(size.data_bytes)) << " of data on each node, "
            << format_bytes(static_cast<double>(size.worker_bytes)) << " a worker, "
            << format_bytes(static_cast<double>(size.master_bytes)) << " on rank 0\n";
  const Limit cores = core_limit();
  const Limit memory = memory_limit();
  std::cout << "here: " << cores.value << (cores.value == 1 ? " worker" : " workers") << " (" << cores.origin << "), "
            << format_bytes(memory.value) << " of memory (" << memory.origin << ")\n";
}

void print_points(const Plan& plan) {
  const std::vector<const Key*> columns = plan.columns();
  std::cout << "run";
  for (const Key* key : columns) {
    std::cout << "," << key->column;
  }
  std::cout << "\n";
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    std::cout << run;
    for (const Key* key : columns) {
      std::cout << "," << csv_cell(write_value(*key, point));
    }
    std::cout << "\n";
  }
}

/// An array with an object a run, written as it goes: plans may have many runs.
void print_points_as_json(const Plan& plan) {
  const std::vector<const Key*> columns = plan.columns();
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const Point point = plan.point(run);
    nlohmann::ordered_json json{{"run", run}};
    for (const Key* key : columns) {
      const std::string text = write_value(*key, point);
      const bool is_number = key->is_number() && parse_real(text);
      json[std::string(key->column)] = !is_number                    ? nlohmann::ordered_json(text)
                                       : key->kind == KeyKind::whole ? nlohmann::ordered_json(*parse_integer(text))
                                                                     : nlohmann::ordered_json(*parse_real(text));
    }
    std::cout << (run == 0 ? "[\n" : ",\n") << json.dump();
  }
  std::cout << "\n]\n";
}

std::string_view origin_of(const StepForecast& step) {
  return step.is_measured ? "measured" : "scaled";
}

nlohmann::json describe(const DeviceProfile& device, const DeviceForecast& forecast) {
  nlohmann::json json;
  json["profile"] = device.name;
  json["predicted_device_seconds"] = forecast.device_s;
  json["predicted_setup_core_seconds"] = forecast.setup_s;
  json["runs_left_to_cpu"] = forecast.left_to_cpu;
  json["runs_of_unknown_cost"] = forecast.unknown;
  json["rows"] = nlohmann::json::array();
  for (const ForecastRow& row : forecast.rows) {
    json["rows"].push_back({{"activation", Activations::names[static_cast<std::size_t>(row.activation)]},
                            {"p", row.width},
                            {"solver", name_of(row.solver)},
                            {"runs", row.runs},
                            {"steps", row.steps},
                            {"step_seconds", row.step.seconds},
                            {"origin", origin_of(row.step)},
                            {"predicted_seconds", row.seconds}});
  }
  return json;
}

void print(const DeviceProfile& device, const DeviceForecast& forecast) {
  if (forecast.rows.empty()) {
    std::cout << "\non one " << device.name << ": nothing; "
              << (forecast.unknown > 0
                      ? "no rates were measured for runs like these"
                      : "every run is cheaper on a core, not in float32, or has a metric that sees every step")
              << "\n";
    return;
  }
  std::cout << "\non one " << device.name << ", full of runs, by measured rates (records not included):\n"
            << "activation      p  solver          runs  steps  us/step             time\n";
  for (const ForecastRow& row : forecast.rows) {
    std::cout << std::left << std::setw(10) << Activations::names[static_cast<std::size_t>(row.activation)]
              << std::right << std::setw(7) << row.width << "  " << std::left << std::setw(13) << name_of(row.solver)
              << std::right << std::setw(7) << row.runs << std::setw(7) << std::llround(row.steps) << std::setw(9)
              << std::setprecision(3) << row.step.seconds * 1e6 << "  " << std::left << std::setw(10)
              << origin_of(row.step) << format_duration(row.seconds) << std::setprecision(6) << "\n";
  }
  std::cout << "together " << format_duration(forecast.device_s) << " of the GPU, and "
            << format_duration(forecast.setup_s) << " of a core to prepare its runs; " << forecast.left_to_cpu
            << " runs stay on the CPU\n";
  if (forecast.unknown > 0) {
    std::cout << forecast.unknown << " more runs are of kinds that were not measured\n";
  }
}

}  // namespace

int plan_command(const Arguments& arguments) {
  ArgumentGrammar grammar("plan");
  grammar.options.add_options()("set", program_options::value<std::vector<std::string>>()->composing(),
                                "section.key=value in place of the job file's; may be repeated")(
      "solver", program_options::value<std::string>()->default_value(std::string(name_of(Solver::automatic))),
      join(solver_names, ", ").c_str())(
      "device-profile", program_options::value<std::string>(),
      "forecast the time on one GPU: h100, or a file with the output of `selftest --json` on the GPU's machine")(
      "json", "one JSON object on standard output")(
      "points", program_options::value<std::string>(),
      "instead list every run with its value on each axis: csv (one line per run) or json (an array)");
  grammar.add_positional("job");
  grammar.epilog = "\njob file: " + std::string(job_syntax) + ". Keys, defaults and accepted values:\n" +
                   job_grammar_help() + "Axes are " + std::string(list_grammar) + ".\n";
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const KeyValues overrides =
      values.count("set") > 0 ? read_overrides(values["set"].as<std::vector<std::string>>()) : KeyValues{};
  const auto solver = static_cast<Solver>(parse_choice("--solver", values["solver"].as<std::string>(), solver_names));
  const LoadedJob loaded = load_job(input_path(values, "job"), overrides);
  const bool as_json = values.count("json") > 0;  // which has the warnings in it
  for (const DataReport& report : loaded.reports) {
    if (!as_json) {
      print_warnings(report);
    }
  }
  const Plan plan(loaded.job, solver);
  if (values.count("points") > 0) {
    constexpr std::array<std::string_view, 2> formats{"csv", "json"};
    const bool is_csv = parse_choice("--points", values["points"].as<std::string>(), formats) == 0;
    is_csv ? print_points(plan) : print_points_as_json(plan);
    return success;
  }
  const PlanSize size = measure_plan(plan, loaded.datasets);
  std::optional<DeviceProfile> device;
  if (values.count("device-profile") > 0) {
    const std::string name = input_path(values, "device-profile");
    device = name == "h100" ? h100_profile() : read_device_profile(name);
  }
  if (as_json) {
    nlohmann::json json = describe(plan, size, loaded.reports);
    if (device) {
      json["device"] = describe(*device, forecast_device(plan, *device));
    }
    std::cout << json.dump(2) << "\n";
  } else {
    print(plan, size, loaded.reports);
    if (device) {
      print(*device, forecast_device(plan, *device));
    }
  }
  return success;
}

}  // namespace fasweep::cli
