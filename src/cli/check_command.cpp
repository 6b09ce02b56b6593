// fasweep check: does a sample of the runs of a file have the numbers that plain loops in float64 give?
#include <algorithm>
#include <iomanip>
#include <iostream>
#include <list>
#include <sstream>
#include <utility>

#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "data/load_dataset.hpp"
#include "model/metric/list.hpp"
#include "model/random.hpp"
#include "reference/check_record.hpp"
#include "reference/train_reference.hpp"
#include "store/record_check.hpp"
#include "store/result_file.hpp"
#include "store/state_file.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

struct CheckOptions {
  std::string file;
  std::int64_t runs = 0;
  std::int64_t seed = 0;
  std::string data_path;   // empty: where the job says
  std::string state_path;  // likewise, of the initial state
};

CheckOptions read_check_options(const program_options::variables_map& values) {
  CheckOptions options;
  options.file = input_path(values, "file");
  options.runs = values["runs"].as<std::int64_t>();
  options.seed = values["seed"].as<std::int64_t>();
  if (options.runs < 1 || options.seed < 0) {
    throw ConfigError(options.runs < 1 ? "option '--runs' = '" + std::to_string(options.runs) +
                                             "' is not accepted (no such number of runs); write 1 or more"
                                       : "option '--seed' = '" + std::to_string(options.seed) +
                                             "' is not accepted (seeds start at 0); write a whole number >= 0");
  }
  if (values.count("data") > 0) {
    options.data_path = input_path(values, "data");
  }
  if (values.count("initial-state") > 0) {
    options.state_path = input_path(values, "initial-state");
  }
  return options;
}

bool is_finished(RunStatus status) {
  return status == RunStatus::done || status == RunStatus::diverged;
}

/// Which finished runs are checked, in order: those with the smallest of random numbers that depend on the seed and the
/// run alone.
std::vector<std::int64_t> sample_runs(const std::vector<RunStatus>& statuses, std::int64_t count, std::int64_t seed) {
  std::vector<double> order(statuses.size());
  RandomStream{seed, 0, Purpose::checked_runs}.fill_uniform(order);
  std::vector<std::int64_t> runs;
  for (std::size_t run = 0; run < statuses.size(); ++run) {
    if (is_finished(statuses[run])) {
      runs.push_back(static_cast<std::int64_t>(run));
    }
  }
  std::sort(runs.begin(), runs.end(), [&](std::int64_t a, std::int64_t b) {
    return order[static_cast<std::size_t>(a)] < order[static_cast<std::size_t>(b)];
  });
  runs.resize(static_cast<std::size_t>(std::min(count, static_cast<std::int64_t>(runs.size()))));
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::vector<RunRecord> read_records(const ResultFile& file, const std::vector<std::int64_t>& runs) {
  std::vector<RunRecord> records;
  file.for_each_record([&](const RunRecord& record) {
    if (std::binary_search(runs.begin(), runs.end(), record.run)) {
      records.push_back(record);
    }
  });
  return records;
}

void announce(const Plan& plan, const std::vector<RunRecord>& records) {
  constexpr double flop_per_second = 4e9;  // of the reference on one core
  double flop = 0;
  for (const RunRecord& record : records) {
    flop += reference_flop(plan.settings(record.run), plan.at(record.run),
                           std::min(record.steps, plan.point(record.run).training.max_steps));
  }
  if (const double seconds = flop / flop_per_second; seconds > 10) {
    std::cerr << "fasweep: training " << records.size() << " runs again in plain loops takes about "
              << format_duration(seconds) << ", and up to five times as long where they are sensitive to rounding\n";
  }
}

std::string name_of_metric(int metric) {
  return std::string(Metrics::names[static_cast<std::size_t>(metric)]);
}

/// Two digits.
std::string format_short(double value) {
  std::ostringstream text;
  text << std::setprecision(2) << value;
  return text.str();
}

/// The farthest of a metric over the runs of which no more was allowed than the usual.
struct Farthest {
  Deviation deviation;
  std::int64_t run = -1;
};

/// Runs that their solvers trained otherwise than the reference can judge are refused.
void refuse_other_precision(const ResultFile& file) {
  if (file.provenance().build.find("TF32 products") != std::string::npos) {
    throw ConfigError(
        "the runs of this file cannot be checked (a build whose GPUs use TF32 products began it, and what that rounds "
        "is not known); check one that was trained without FASWEEP_CUDA_TF32");
  }
}

/// The data sets and initial states of the file's runs, each loaded when the first run of it is checked.
class Sources {
 public:
  /// Where the one data set and the one initial state are now; empty: where they were.
  Sources(std::string data_path, std::string state_path)
      : data_path_(std::move(data_path)), state_path_(std::move(state_path)) {}

  /// nullptr of a teacher's.
  [[nodiscard]] const Dataset* of(DataSettings data) {
    if (data.source == DataSource::teacher) {
      return nullptr;
    }
    data.path = data_path_.empty() ? data.path : data_path_;
    return find_or_load(datasets_, data, [&] { return load_dataset(data).dataset; });
  }

  /// nullptr of drawn weights.
  [[nodiscard]] const InitialState* of(StateSource source) {
    if (source.path.empty()) {
      return nullptr;
    }
    source.path = state_path_.empty() ? source.path : state_path_;
    return find_or_load(states_, source, [&] { return read_initial_state(source); });
  }

 private:
  template <class Source, class Content, class Load>
  static const Content* find_or_load(std::list<std::pair<Source, Content>>& loaded, const Source& wanted, Load load) {
    for (const auto& [source, content] : loaded) {
      if (source == wanted) {
        return &content;
      }
    }
    return &loaded.emplace_back(wanted, load()).second;
  }

  std::string data_path_;
  std::string state_path_;
  std::list<std::pair<DataSettings, Dataset>> datasets_;
  std::list<std::pair<StateSource, InitialState>> states_;
};

/// Why the reference does not check a metric; empty if it does.
std::string_view why_unchecked(int metric) {
  if (reads_snapshot(metric)) {
    return "the plain reference does not give it";
  }
  return (traits_of(metric) & rounding_decides) != 0 ? "rounding decides it" : "";
}

/// Leaves out metrics that the reference does not check. layout: of the record.
void leave_out_unchecked(const MetricLayout& layout, RunSettings& settings, RunRecord& record) {
  settings.record.metrics.clear();
  RunRecord kept = record;
  kept.trajectory.clear();
  kept.final_values.clear();
  for (const MetricPlace& place : layout.places) {
    if (why_unchecked(place.metric).empty()) {
      const auto first = record.trajectory.begin() + static_cast<std::ptrdiff_t>(place.first * record.points);
      kept.trajectory.insert(kept.trajectory.end(), first, first + record.points);
      kept.final_values.push_back(record.final_values[place.first]);
      settings.record.metrics.push_back(place.metric);
    }
  }
  kept.metrics = static_cast<std::uint32_t>(kept.final_values.size());
  record = std::move(kept);
}

RecordCheck check_run(const Plan& plan, RunRecord record, Sources& sources) {
  if (const std::string wrong = why_not_of_plan(record, record.run, plan); !wrong.empty()) {
    return {{}, wrong};
  }
  const RunSpec run = plan.at(record.run);
  RunSettings settings = plan.settings(record.run);
  leave_out_unchecked(plan.layout(plan.point(record.run)), settings, record);
  const Problem problem = make_problem(settings.data, problem_key(run), settings.training, sources.of(settings.data),
                                       sources.of(settings.training.initial_state));
  try {
    return check_record(problem, settings, run, record);
  } catch (const ConfigError& error) {
    throw ConfigError("run " + std::to_string(record.run) + " cannot be checked: " + error.what());
  }
}

void print_wrong(const std::string& file, const RunRecord& record, const RecordCheck& check) {
  const std::string run = file + ": run " + std::to_string(record.run) + " is wrong: ";
  if (!check.wrong_end.empty()) {
    std::cout << run << check.wrong_end << "\n";
  }
  for (const Deviation& d : check.deviations) {
    if (d.is_wrong()) {
      std::cout << run << name_of_metric(d.metric) << " at step " << d.step << " is " << format_real(d.recorded)
                << " and should be " << format_real(d.expected) << " (" << format_short(d.relative)
                << " off, relative, and " << format_short(d.allowed) << " is allowed)\n";
    }
  }
}

/// Reports a run that is right only because of a larger tolerance.
void print_sensitive(const std::string& file, const RunRecord& record, const RecordCheck& check) {
  const auto most = std::max_element(check.deviations.begin(), check.deviations.end(),
                                     [](const Deviation& a, const Deviation& b) { return a.allowed < b.allowed; });
  std::cout << file << ": run " << record.run << " is sensitive to rounding: " << name_of_metric(most->metric) << " is "
            << format_short(most->relative) << " off, and " << format_short(most->allowed) << " is allowed\n";
}

void print_farthest(const std::vector<Farthest>& farthest) {
  std::cout << std::left << std::setw(28) << "metric" << std::setw(14) << "farthest off" << std::setw(12) << "allowed"
            << std::setw(10) << "run"
            << "step\n";
  for (const Farthest& f : farthest) {
    if (f.run < 0) {
      continue;  // no run could be compared
    }
    std::cout << std::setw(28) << name_of_metric(f.deviation.metric) << std::setw(14)
              << format_short(f.deviation.relative) << std::setw(12) << format_short(f.deviation.allowed)
              << std::setw(10) << f.run << f.deviation.step << "\n";
  }
}

/// Prints what comes of every record and of all together; how many are wrong.
std::int64_t check_records(const std::string& file, const Plan& plan, const std::vector<RunRecord>& records,
                           Sources sources) {
  std::vector<Farthest> farthest(plan.metrics().size());
  std::int64_t wrong = 0;
  for (const RunRecord& record : records) {
    const RecordCheck check = check_run(plan, record, sources);
    if (check.is_sound() && check.is_sensitive) {
      print_sensitive(file, record, check);
      continue;
    }
    for (std::size_t metric = 0; metric < check.deviations.size(); ++metric) {
      const Deviation& d = check.deviations[metric];
      if (farthest[metric].run < 0 || !(d.relative <= farthest[metric].deviation.relative)) {
        farthest[metric] = {d, record.run};
      }
    }
    wrong += check.is_sound() ? 0 : 1;
    print_wrong(file, record, check);
  }
  print_farthest(farthest);
  return wrong;
}

void print_unchecked(const std::vector<int>& metrics) {
  for (const int metric : metrics) {
    if (const std::string_view why = why_unchecked(metric); !why.empty()) {
      std::cout << name_of_metric(metric) << " is not checked: " << why << "\n";
    }
  }
}

}  // namespace

int check_command(const Arguments& arguments) {
  using program_options::value;
  ArgumentGrammar grammar("check");
  grammar.options.add_options()("runs", value<std::int64_t>()->default_value(5),
                                "how many of the finished runs to check")(
      "seed", value<std::int64_t>()->default_value(0), "which ones: another seed chooses another sample")(
      "data", value<std::string>(), "where the runs' data set is now, if it has moved")(
      "initial-state", value<std::string>(), "where their initial state is now, likewise");
  grammar.epilog =
      "\nTrains runs again, in float64, without anything that makes them fast, and compares every recorded number.\n"
      "Allowed, relative to a metric's largest value in the run: 1e-9 of float64; 1e-3 of float32, 1e-2 of\n"
      "hidden_change there; more where a run is shown to be sensitive to rounding. Exit code 5: a run is wrong.\n";
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const CheckOptions options = read_check_options(values);
  const ResultFile file(options.file);
  const Plan& plan = file.plan();
  const std::vector<RunStatus> statuses = file.read_statuses();
  const std::vector<std::int64_t> runs = sample_runs(statuses, options.runs, options.seed);
  if (runs.empty()) {
    throw ConfigError("file '" + options.file + "' has no finished run (of " + std::to_string(plan.size()) +
                      "); train some first");
  }
  refuse_other_precision(file);
  const std::vector<RunRecord> records = read_records(file, runs);
  announce(plan, records);
  const std::int64_t wrong = check_records(options.file, plan, records, {options.data_path, options.state_path});
  print_unchecked(plan.metrics());
  const auto finished = std::count_if(statuses.begin(), statuses.end(), is_finished);
  std::string names;
  for (const std::int64_t run : runs) {
    names += (names.empty() ? "" : ", ") + std::to_string(run);
  }
  std::cout << options.file << ": " << records.size() << " of " << finished << " finished runs checked (" << names
            << "), " << (wrong == 0 ? "all right" : std::to_string(wrong) + " wrong") << "\n";
  return wrong == 0 ? success : results_damaged;
}

}  // namespace fasweep::cli
