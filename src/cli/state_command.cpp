// fasweep state: trains one recorded run again and writes its network out at chosen steps. What a sweep keeps of a run
// are its metrics; the rest follows from the plan, bit for bit on one machine type, so nothing else need be stored.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <iostream>

#include "cli/arguments.hpp"
#include "cli/isa.hpp"
#include "cli/message.hpp"
#include "cli/session.hpp"
#include "data/load_dataset.hpp"
#include "model/metric/list.hpp"
#include "store/draft_file.hpp"
#include "store/recorded_runs.hpp"
#include "store/state_file.hpp"
#include "sweep/find_run.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

namespace fs = std::filesystem;

std::int64_t choose_run(const Plan& plan, const program_options::variables_map& values) {
  if (values.count("run") + values.count("where") != 1) {
    throw ConfigError("one of --run and --where is needed (which run is meant); write --run N, or --where " +
                      std::string("p=200,lambda=0.1,seed=3"));
  }
  if (values.count("where") > 0) {
    return find_run(plan, values["where"].as<std::string>());
  }
  const auto run = values["run"].as<std::int64_t>();
  if (run < 0 || run >= plan.size()) {
    throw ConfigError("option '--run' = '" + std::to_string(run) + "' is not accepted (there are runs 0 to " +
                      std::to_string(plan.size() - 1) + "); fasweep plan --points csv lists the runs of a job");
  }
  return run;
}

RunRecord read_finished(const RecordedRuns& runs, const Plan& plan, std::int64_t run) {
  const std::optional<RunRecord> record = runs.find_record(plan, run);
  const std::string name = "run " + std::to_string(run) + " of '" + runs.path().string() + "'";
  if (!record) {
    throw ConfigError(name + " is pending (it has no record to compare its state with); finish the sweep");
  }
  if (const int depth = plan.point(run).training.depth; depth > 1) {
    throw ConfigError(name + " has " + std::to_string(depth) +
                      " hidden layers (a state file holds the weights of one); choose a run with depth = 1");
  }
  if (record->status == RunStatus::failed) {
    throw ConfigError(name + " failed (" + record->error + "), so it has no state; choose another run");
  }
  return *record;
}

/// The wanted steps of a run, each once, increasing; by default its last.
std::vector<std::int64_t> choose_steps(const RunRecord& record, const program_options::variables_map& values) {
  if (values.count("step") == 0) {
    return {record.steps};
  }
  std::vector<std::int64_t> steps = values["step"].as<std::vector<std::int64_t>>();
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  for (const std::int64_t step : {steps.front(), steps.back()}) {
    if (step < 0 || step > record.steps) {
      throw ConfigError("option '--step' = '" + std::to_string(step) + "' is not accepted (run " +
                        std::to_string(record.run) + " took " + std::to_string(record.steps) +
                        " steps); choose steps from 0 to that");
    }
  }
  return steps;
}

/// Ends the training once a state file has what it waits for.
class UntilComplete final : public SnapshotVisitor {
 public:
  UntilComplete(StateFile& file, std::atomic<bool>& stop) : file_(file), stop_(stop) {}
  void visit(std::int64_t run, const Snapshot& snapshot) override {
    file_.visit(run, snapshot);
    if (file_.complete()) {
      stop_ = true;
    }
  }

 private:
  StateFile& file_;
  std::atomic<bool>& stop_;
};

/// How two records of one run compare at the steps both reached.
struct Comparison {
  std::int64_t numbers = 0;
  std::int64_t different = 0;
  double largest = 0;  // difference, over the largest number of that metric in the run
  std::string where;   // of it
};

/// The record's numbers at its recorded steps and its last one against those of `again`, which was recorded at `steps`.
Comparison compare(const Plan& plan, const RunRecord& record, const RunRecord& again,
                   const std::vector<std::int64_t>& steps) {
  const Point point = plan.point(record.run);
  const std::vector<std::int64_t>& recorded = plan.recorded_steps(point);
  const auto stored = [&](double value) {
    return record.precision == Precision::float32 ? static_cast<double>(static_cast<float>(value)) : value;
  };
  Comparison result;
  for (const MetricPlace& place : plan.layout(point).places) {
    for (std::size_t number = place.first; number < place.first + place.size; ++number) {
      double largest = 0;
      for (std::size_t i = 0; i < record.points; ++i) {
        const double value = std::abs(record.trajectory[number * record.points + i]);
        largest = std::isfinite(value) ? std::max(largest, value) : largest;
      }
      const auto take = [&](std::int64_t step, double before) {
        const auto at = std::lower_bound(steps.begin(), steps.end(), step) - steps.begin();
        if (at >= again.points) {
          return;
        }
        const double now = stored(again.trajectory[number * again.points + static_cast<std::size_t>(at)]);
        ++result.numbers;
        // Versions before 0.2 did not mark gradients that have vanished.
        const bool is_unmarked = place.metric == Metrics::index_of<GradientAlignmentMetric>() && std::isnan(now);
        if (now == before || (std::isnan(now) && std::isnan(before)) || is_unmarked) {
          return;
        }
        ++result.different;
        const double off = std::isfinite(now) && std::isfinite(before) ? std::abs(now - before) / largest
                                                                       : std::numeric_limits<double>::infinity();
        if (!(off <= result.largest)) {
          result.largest = off;
          result.where = std::string(Metrics::names[static_cast<std::size_t>(place.metric)]) + " at step " +
                         std::to_string(step) + " is " + format_real(now) + ", recorded was " + format_real(before);
        }
      };
      for (std::size_t i = 0; i < record.points; ++i) {
        take(recorded[i], record.trajectory[number * record.points + i]);
      }
      take(record.steps, record.final_values[number]);
    }
  }
  return result;
}

/// One sentence on the comparison. Throws DamagedError if the numbers are not those of the record.
std::string judge(const Comparison& found, const RunRecord& record) {
  if (found.different == 0) {
    return "all " + std::to_string(found.numbers) + " recorded numbers are reproduced bit for bit";
  }
  // Other instructions round other sums otherwise; over thousands of steps float32 loses some digits by that.
  const double tolerance = record.precision == Precision::float64 ? 1e-9 : 1e-3;
  if (!(found.largest <= tolerance)) {
    throw DamagedError("run " + std::to_string(record.run) + " does not reproduce its record (" + found.where + "; " +
                       std::to_string(found.different) + " of " + std::to_string(found.numbers) +
                       " numbers differ); see what fasweep verify says of the file");
  }
  return std::to_string(found.different) + " of " + std::to_string(found.numbers) +
         " recorded numbers differ in their last digits, as on another machine type (largest: " + found.where + ")";
}

/// Trains the run again; the state file is written on the way. Returns what the check gave.
std::string train_again(const Plan& plan, const RunRecord& record, const Problem& problem, StateFile& file,
                        std::vector<std::int64_t> steps, const InstructionSet& isa) {
  RunSettings settings = plan.settings(record.run);
  const RunSpec run = plan.at(record.run);
  const std::int64_t last = steps.back();
  for (const std::int64_t step : settings.record.steps) {
    if (step <= last) {
      steps.push_back(step);
    }
  }
  std::sort(steps.begin(), steps.end());
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  settings.record.steps = steps;
  std::atomic<bool> stop = false;
  UntilComplete visitor(file, stop);
  const TrainingRequest request{.problem = problem,
                                .data = settings.data,
                                .training = settings.training,
                                .record = settings.record,
                                .runs = {&run, 1},
                                .solver = record.solver,
                                .cancelled = stop,
                                .visitor = &visitor};
  const RunRecord again = isa.make_trainer()->train(request).at(0);
  if (again.status == RunStatus::failed) {
    throw ConfigError("run " + std::to_string(record.run) + " cannot be trained again (" + again.error +
                      "); use the version of fasweep that wrote it");
  }
  if (!file.complete()) {
    throw DamagedError("run " + std::to_string(record.run) + " does not reproduce its record (it ends at step " +
                       std::to_string(again.steps) + " instead of " + std::to_string(record.steps) +
                       "); see what fasweep verify says of the file");
  }
  return judge(compare(plan, record, again, steps), record);
}

/// The one that is wanted, else that of the file's runs, where it is had.
const InstructionSet& choose_isa_of(const RecordedRuns& runs, const std::string& wanted) {
  const std::string agents = runs.provenance().agents;
  const std::string_view before = isa_of(agents);
  const bool is_here = std::ranges::find(isas_here(), before, &InstructionSet::name) != isas_here().end();
  return choose_isa(isas_here(), wanted, is_here ? before : "");
}

std::optional<InitialState> load_state(StateSource source, const program_options::variables_map& values) {
  if (source.path.empty()) {
    return std::nullopt;
  }
  if (values.count("initial-state") > 0) {
    source.path = input_path(values, "initial-state");
  }
  return read_initial_state(source);
}

std::optional<Dataset> load_data(DataSettings settings, const program_options::variables_map& values) {
  if (settings.source == DataSource::teacher) {
    return std::nullopt;
  }
  if (values.count("data") > 0) {
    settings.path = input_path(values, "data");
  }
  return load_dataset(settings).dataset;
}

}  // namespace

int state_command(const Arguments& arguments) {
  ArgumentGrammar grammar("state");
  grammar.options.add_options()("run", program_options::value<std::int64_t>(), "row of the run in the file")(
      "where", program_options::value<std::string>(),
      "the run's values in any columns or keys: p=200,lambda=0.1,seed=3")(
      "step", program_options::value<std::vector<std::int64_t>>()->multitoken()->composing(),
      "steps to write out, by default the run's last")("data", program_options::value<std::string>(),
                                                       "where the run's data set is now, if it has moved")(
      "initial-state", program_options::value<std::string>(), "where its initial state is now, likewise")(
      "output,o", program_options::value<std::string>()->required(), "write here; never overwrites");
  add_isa_option(grammar);
  grammar.add_positional("file");
  grammar.epilog =
      "\nThe run is trained again from its start, on one core, by the solver and in the precision of its record, and "
      "what\n"
      "was recorded of it is compared on the way: exit 5 if it comes out otherwise.\n";
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const fs::path target = output_path(values);
  DraftFile draft(target);
  const RecordedRuns runs(input_path(values, "file"));
  const InstructionSet& isa = choose_isa_of(runs, read_isa(values));
  const Plan plan(runs.job());
  const RunRecord record = read_finished(runs, plan, choose_run(plan, values));
  const std::vector<std::int64_t> steps = choose_steps(record, values);
  const RunSettings settings = plan.settings(record.run);
  const std::optional<Dataset> dataset = load_data(settings.data, values);
  const std::optional<InitialState> state = load_state(settings.training.initial_state, values);
  const Problem problem = make_problem(settings.data, problem_key(plan.at(record.run)), settings.training,
                                       dataset ? &*dataset : nullptr, state ? &*state : nullptr);
  std::string check;
  {
    StateFile file(draft.path(), plan, record, problem, steps);
    check = train_again(plan, record, problem, file, steps, isa);
    const SessionInfo session = make_session("state", arguments);
    file.finish(runs.path().string(), check, session.command_line, session.build);
  }
  draft.publish();
  std::string listed;
  for (const std::int64_t step : steps) {
    listed += " " + std::to_string(step);
  }
  print_line(target.string() + ": run " + std::to_string(record.run) + " at step" + (steps.size() > 1 ? "s" : "") +
             listed + "; " + check);
  return success;
}

}  // namespace fasweep::cli
