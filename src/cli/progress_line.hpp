// The progress of a sweep on standard error: one line rewritten in place on a terminal, else one line per interval,
// or JSON lines for programs.
#pragma once

#include <string>

#include "cluster/master.hpp"

namespace fasweep::cli {

enum class ProgressStyle { terminal, lines, json };

/// terminal if standard error is one, else lines; json if asked for.
[[nodiscard]] ProgressStyle choose_progress_style(bool json);

/// How often to show progress, seconds.
[[nodiscard]] double progress_interval(ProgressStyle style);

/// At most `width` characters, above all the sweep's progress and the time left.
[[nodiscard]] std::string describe_progress(const Progress& progress, std::size_t width);

void show_progress(ProgressStyle style, const Progress& progress);

/// Ends the rewritten line, so that what follows starts on a line of its own.
void end_progress(ProgressStyle style);

}  // namespace fasweep::cli
