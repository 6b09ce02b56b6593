#include "cli/progress_line.hpp"

#include <unistd.h>

#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/format.hpp"

namespace fasweep::cli {
namespace {

std::string describe(const Progress& progress) {
  std::ostringstream text;
  text << progress.done << "/" << progress.total << " runs (" << std::fixed << std::setprecision(1)
       << 100 * progress.share_done << " %), " << std::setprecision(progress.runs_per_second < 10 ? 2 : 0)
       << progress.runs_per_second << " runs/s";
  if (progress.failed > 0) {
    text << ", " << progress.failed << " failed";
  }
  if (progress.diverged > 0) {
    text << ", " << progress.diverged << " diverged";
  }
  text << ", " << progress.workers << " workers, ETA " << format_duration(progress.eta_s);
  return text.str();
}

nlohmann::json to_json(const Progress& progress) {
  return {{"done", progress.done},
          {"total", progress.total},
          {"share_done", progress.share_done},
          {"failed", progress.failed},
          {"diverged", progress.diverged},
          {"workers", progress.workers},
          {"runs_per_second", progress.runs_per_second},
          {"eta_s", std::isfinite(progress.eta_s) ? nlohmann::json(progress.eta_s) : nlohmann::json(nullptr)}};
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

void show_progress(ProgressStyle style, const Progress& progress) {
  switch (style) {
    case ProgressStyle::terminal:
      std::cerr << "\r\033[K" << describe(progress) << std::flush;
      break;
    case ProgressStyle::lines:
      std::cerr << describe(progress) << "\n";
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
