// fasweep plan: what a job would do, without MPI and without touching a file.
#include <iomanip>
#include <iostream>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "sweep/axis.hpp"
#include "sweep/plan.hpp"

namespace fasweep::cli {
namespace {

/// Runs of the plan by the solver that would train them.
std::map<std::string_view, std::int64_t> count_solvers(const Plan& plan) {
  std::map<std::string_view, std::int64_t> counts;
  for (std::int64_t problem = 0; problem < plan.problems(); ++problem) {
    for (std::int64_t i = 0; i < plan.runs_per_problem(); ++i) {
      ++counts[name_of(plan.solver(problem * plan.runs_per_problem() + i))];
    }
  }
  return counts;
}

nlohmann::json describe(const Plan& plan, const PlanSize& size) {
  nlohmann::json json;
  json["runs"] = plan.size();
  json["problems"] = plan.problems();
  json["plan_hash"] = format_hash(plan.hash());
  for (const auto& [solver, runs] : count_solvers(plan)) {
    json["solvers"][std::string(solver)] = runs;
  }
  json["recorded_steps"] = plan.job().record.steps.size();
  json["metrics"] = plan.job().record.metrics.size();
  json["predicted_flop"] = size.flop;
  json["predicted_core_seconds"] = size.flop / nominal_flop_per_second;
  json["file_bytes"] = size.file_bytes;
  json["journal_bytes"] = size.journal_bytes;
  json["data_bytes"] = size.data_bytes;
  json["bytes_per_worker"] = size.worker_bytes;
  json["master_bytes"] = size.master_bytes;
  json["job"] = resolved_text(plan.job());
  return json;
}

void print(const Plan& plan, const PlanSize& size) {
  const Grid& grid = plan.job().grid;
  std::cout << resolved_text(plan.job()) << "\n"
            << plan.size() << " runs: " << grid.widths.size() << " p x " << grid.ridges.size() << " lambda x "
            << grid.activations.size() << " activation x " << grid.rules.size() << " rule x " << grid.seeds.size()
            << " seed; " << plan.runs_per_problem() << " runs share each of " << plan.problems() << " problems\n";
  std::cout << "solvers:";
  for (const auto& [solver, runs] : count_solvers(plan)) {
    std::cout << " " << solver << " " << runs;
  }
  const double seconds = size.flop / nominal_flop_per_second;
  std::cout << "\nrecorded: " << plan.job().record.steps.size() << " steps x " << plan.job().record.metrics.size()
            << " metrics\n"
            << "cost: at most " << format_duration(seconds) << " on one core ("
            << format_real(nominal_flop_per_second / 1e9) << " Gflop/s assumed; runs that stop early cost less)\n"
            << "file: at most " << format_bytes(static_cast<double>(size.file_bytes)) << ", and "
            << format_bytes(static_cast<double>(size.journal_bytes)) << " of journal while it runs\n"
            << "memory: " << format_bytes(static_cast<double>(size.data_bytes)) << " of data on each rank, "
            << format_bytes(static_cast<double>(size.worker_bytes)) << " a worker, "
            << format_bytes(static_cast<double>(size.master_bytes)) << " on rank 0\n";
}

}  // namespace

int plan_command(const Arguments& arguments) {
  ArgumentGrammar grammar("plan");
  grammar.options.add_options()("set", program_options::value<std::vector<std::string>>()->composing(),
                                "section.key=value in place of the job file's; may be repeated")(
      "solver", program_options::value<std::string>()->default_value(std::string(name_of(Solver::automatic))),
      join(solver_names, ", ").c_str())("json", "one JSON object on standard output");
  grammar.add_positional("job");
  grammar.epilog =
      "\njob file: [section] lines, key = value lines, # comments. Keys, defaults, and what is accepted:\n" +
      job_grammar_help() + "Axes are " + std::string(axis_grammar) + ".\n";
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const KeyValues overrides =
      values.count("set") > 0 ? read_overrides(values["set"].as<std::vector<std::string>>()) : KeyValues{};
  const auto solver = static_cast<Solver>(parse_choice("--solver", values["solver"].as<std::string>(), solver_names));
  const LoadedJob loaded = load_job(values["job"].as<std::string>(), overrides);
  const Plan plan(loaded.job, solver);
  const PlanSize size = measure_plan(plan, loaded.dataset ? &*loaded.dataset : nullptr);
  if (values.count("json") > 0) {
    std::cout << describe(plan, size).dump(2) << "\n";
  } else {
    print(plan, size);
  }
  return success;
}

}  // namespace fasweep::cli
