// fasweep status: what is done and left, of a finished, interrupted or running sweep.
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/arguments.hpp"
#include "cli/format.hpp"
#include "store/status_report.hpp"
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

}  // namespace

int status_command(const Arguments& arguments) {
  ArgumentGrammar grammar("status");
  grammar.options.add_options()("json", "one JSON object on standard output");
  grammar.add_positional("file");
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  const std::string path = input_path(values, "file");
  const StatusReport report = read_status(path);
  if (values.count("json") > 0) {
    std::cout << describe(report).dump(2) << "\n";
  } else {
    print(path, report);
  }
  return success;
}

}  // namespace fasweep::cli
