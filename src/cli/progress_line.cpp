#include "cli/progress_line.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <iomanip>
#include <iostream>
#include <limits>
#include <sstream>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/format.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

std::string format_fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

constexpr std::size_t any_width = std::numeric_limits<std::size_t>::max();

/// Columns of the terminal now, less the last, in which some terminals begin a new line.
std::size_t terminal_width() {
  constexpr std::size_t usual = 80;
  struct winsize size {};
  const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return (is_known ? size.ws_col : usual) - 1;
}

/// "97 % busy", with the name of each crew where there are two. Empty before the first batch is over.
std::string describe_busy(const std::array<double, crew_count>& busy) {
  const auto [cores, devices] = busy;
  const auto share = [](double of_crew) { return std::to_string(std::lround(100 * of_crew)) + " %"; };
  if (!(cores > 0) && !(devices > 0)) {
    return {};
  }
  if (std::isnan(devices)) {
    return " " + share(cores) + " busy";
  }
  return std::isnan(cores) ? " (GPUs " + share(devices) + " busy)"
                           : " (cores " + share(cores) + ", GPUs " + share(devices) + " busy)";
}

nlohmann::json to_json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json to_json(const Progress& progress) {
  return {{"done", progress.done},
          {"total", progress.total},
          {"share_done", progress.share_done},
          {"failed", progress.failed},
          {"diverged", progress.diverged},
          {"workers", progress.workers},
          {"cores_busy", to_json_number(progress.busy[0])},
          {"devices_busy", to_json_number(progress.busy[1])},
          {"runs_per_second", progress.runs_per_second},
          {"eta_s", to_json_number(progress.eta_s)}};
}

}  // namespace

ProgressStyle choose_progress_style(bool json) {
  return json ? ProgressStyle::json : isatty(STDERR_FILENO) == 1 ? ProgressStyle::terminal : ProgressStyle::lines;
}

double progress_interval(ProgressStyle style) {
  switch (style) {
    case ProgressStyle::terminal:
      return 0.5;
    case ProgressStyle::json:
      return 1;
    default:
      return 10;
  }
}

std::string describe_progress(const Progress& progress, std::size_t width) {
  const auto counted = [](std::int64_t count, const char* what) {
    return count > 0 ? ", " + std::to_string(count) + what : std::string();
  };
  const std::string share = format_fixed(100 * progress.share_done, 1) + " %";
  const std::string runs =
      std::to_string(progress.done) + "/" + std::to_string(progress.total) + " runs (" + share + ")";
  const std::string rate =
      ", " + format_fixed(progress.runs_per_second, progress.runs_per_second < 10 ? 2 : 0) + " runs/s";
  const std::string bad = counted(progress.failed, " failed") + counted(progress.diverged, " diverged");
  const std::string workers =
      ", " + std::to_string(progress.workers) + (progress.workers == 1 ? " worker" : " workers");
  const std::string eta = ", ETA " + format_duration(progress.eta_s);
  const std::string busy = describe_busy(progress.busy);
  const std::vector<std::vector<std::string_view>> shorter_and_shorter{{runs, rate, bad, workers, busy, eta},
                                                                       {runs, rate, bad, workers, eta},
                                                                       {runs, rate, bad, eta},
                                                                       {runs, bad, eta},
                                                                       {runs, eta},
                                                                       {share, eta}};
  for (const std::vector<std::string_view>& parts : shorter_and_shorter) {
    if (std::string text = join(parts, ""); text.size() <= width) {
      return text;
    }
  }
  return share.substr(0, width);
}

void show_progress(ProgressStyle style, const Progress& progress) {
  switch (style) {
    case ProgressStyle::terminal:
      std::cerr << "\r\033[K" << describe_progress(progress, terminal_width()) << std::flush;
      break;
    case ProgressStyle::lines:
      std::cerr << describe_progress(progress, any_width) << "\n";
      break;
    case ProgressStyle::json:
      std::cerr << to_json(progress).dump() << "\n";
      break;
  }
}

void end_progress(ProgressStyle style) {
  if (style == ProgressStyle::terminal) {
    std::cerr << "\n";
  }
}

}  // namespace fasweep::cli
