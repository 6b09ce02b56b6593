// fasweep status: what is done and left, of a finished, interrupted or running sweep.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "store/status_report.hpp"
#include "util/stopwatch.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

std::int64_t count(const StatusReport& report, RunStatus status) {
  return report.counts[static_cast<std::size_t>(status)];
}

/// Seconds of training left, from the mean time of the runs there are; the workers share it.
double mean_time_left(const StatusReport& report) {
  const std::int64_t ended = report.runs - count(report, RunStatus::pending);
  return ended == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : report.wall_s_total / static_cast<double>(ended) *
                          static_cast<double>(count(report, RunStatus::pending));
}

nlohmann::json describe(const StatusReport& report) {
  nlohmann::json json;
  json["complete"] = report.complete;
  json["runs"] = report.runs;
  for (std::size_t status = 0; status < run_status_names.size(); ++status) {
    json["counts"][std::string(run_status_names[status])] = report.counts[status];
  }
  json["training_seconds"] = report.wall_s_total;
  json["failures"] = report.failures;
  json["agents"] = report.agents;
  json["job"] = report.job_text;
  return json;
}

void print(const std::string& path, const StatusReport& report) {
  const std::int64_t pending = count(report, RunStatus::pending);
  std::cout << path << ": " << (report.complete ? "complete" : "not complete") << ", " << report.runs - pending
            << " of " << report.runs << " runs\n";
  for (std::size_t status = 0; status < run_status_names.size(); ++status) {
    if (report.counts[status] > 0) {
      std::cout << "  " << run_status_names[status] << " " << report.counts[status] << "\n";
    }
  }
  if (count(report, RunStatus::diverged) > 0 && count(report, RunStatus::diverged) == report.runs - pending) {
    std::cout << "  " << all_diverged << "\n";
  }
  std::cout << "training time so far " << format_duration(report.wall_s_total);
  if (pending > 0 && pending < report.runs) {
    std::cout << ", about " << format_duration(mean_time_left(report)) << " remaining, shared by the workers";
  }
  std::cout << "\n";
  for (const std::string& failure : report.failures) {
    std::cout << "  failed: " << presentable(failure) << "\n";
  }
}

/// How fast a sweep that is watched goes on. NaN before anything ended since.
struct Pace {
  double runs_per_second = std::numeric_limits<double>::quiet_NaN();
  double left_s = std::numeric_limits<double>::quiet_NaN();  // by predicted work
};

/// Sees reports of the same sweep, one after the other.
class Watch {
 public:
  [[nodiscard]] Pace look_at(const StatusReport& report) {
    const std::int64_t ended = report.runs - count(report, RunStatus::pending);
    first_ = first_.value_or(Start{ended, report.work_done});
    const double seconds = since_first_.seconds();
    Pace pace;
    if (ended > first_->ended && seconds > 0) {
      pace.runs_per_second = static_cast<double>(ended - first_->ended) / seconds;
      pace.left_s = seconds * (report.work - report.work_done) / (report.work_done - first_->work_done);
    }
    return pace;
  }

 private:
  struct Start {
    std::int64_t ended = 0;
    double work_done = 0;
  };
  std::optional<Start> first_;
  Stopwatch since_first_;
};

/// One line, for a log.
std::string describe_pace(const StatusReport& report, const Pace& pace) {
  const std::int64_t ended = report.runs - count(report, RunStatus::pending);
  std::string line = std::to_string(ended) + "/" + std::to_string(report.runs) + " runs";
  if (report.work > 0) {
    line += " (" + std::to_string(std::lround(100 * report.work_done / report.work)) + " % of the work)";
  }
  for (const RunStatus status : {RunStatus::failed, RunStatus::diverged}) {
    line += count(report, status) > 0
                ? ", " + std::to_string(count(report, status)) + " " + std::string(name_of(status))
                : "";
  }
  if (!std::isnan(pace.runs_per_second)) {
    line += ", " + format_real(pace.runs_per_second) + " runs/s, ETA " + format_duration(pace.left_s);
  }
  return line;
}

/// A page, for a terminal.
void print_page(const std::string& path, const StatusReport& report, const Pace& pace) {
  std::cout << "\033[H\033[2J";
  print(path, report);
  std::cout << describe_pace(report, pace) << "\n";
  for (const SlowestValue& slowest : report.slowest) {
    std::cout << "slowest " << slowest.axis << " " << presentable(slowest.value) << ": "
              << format_duration(slowest.mean_s) << " of training a run\n";
  }
  for (const std::string& agent : report.agents) {
    std::cout << presentable(agent) << "\n";
  }
}

/// Shows the state every `interval_s` seconds until the sweep is complete.
int watch(const std::string& path, bool json, double interval_s) {
  Watch watch;
  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  while (true) {
    const StatusReport report = read_status(path, StatusDetail::work);
    const Pace pace = watch.look_at(report);
    if (json) {
      nlohmann::json line = describe(report);
      line.erase("job");
      line["runs_per_second"] = pace.runs_per_second;  // null while unknown
      line["eta_s"] = pace.left_s;
      std::cout << line.dump() << std::endl;
    } else if (is_terminal) {
      print_page(path, report, pace);
      std::cout << std::flush;
    } else {
      std::cout << describe_pace(report, pace) << std::endl;
    }
    if (report.complete) {
      return success;
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(interval_s));
  }
}

}  // namespace

int status_command(const Arguments& arguments) {
  ArgumentGrammar grammar("status");
  grammar.options.add_options()("json", "one JSON object on standard output; with --watch one a line")(
      "watch", program_options::value<double>()->implicit_value(2),
      "show it again every so many seconds, 2 unless given, until the sweep is complete, with its pace, the slowest "
      "values of the axes, and the ranks");
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string path = input_path(values, "file");
  if (values.count("watch") > 0) {
    const auto interval_s = values["watch"].as<double>();
    if (!(interval_s >= 0.1 && interval_s <= 86400)) {
      throw ConfigError("--watch = " + format_real(interval_s) + " is not accepted (seconds from 0.1 to 86400)");
    }
    return watch(path, values.count("json") > 0, interval_s);
  }
  const StatusReport report = read_status(path);
  if (values.count("json") > 0) {
    std::cout << describe(report).dump(2) << "\n";
  } else {
    print(path, report);
  }
  return success;
}

}  // namespace fasweep::cli
