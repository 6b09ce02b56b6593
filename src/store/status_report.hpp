// The state of a sweep that runs, was interrupted or is over, from its journal or its file. Reads only, takes no lock.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/status.hpp"

namespace fasweep {

/// Of the runs of an axis, those of this value take longest.
struct SlowestValue {
  std::string axis;
  std::string value;
  double mean_s = 0;  // training time of a run
};

struct StatusReport {
  bool complete = false;
  std::int64_t runs = 0;
  std::array<std::int64_t, run_status_names.size()> counts{};
  double wall_s_total = 0;            // of the runs with a record
  std::vector<std::string> failures;  // "run 12: why"
  std::vector<std::string> agents;    // lines: ranks with their cores and devices, and how busy they were
  std::string job_text;
  // With StatusDetail::work, of a journal:
  double work_done = 0;  // predicted flop of the runs with a record
  double work = 0;       // and of all
  std::vector<SlowestValue> slowest;
};

/// counts: what can be told at once, however many runs there are. work: what takes a look at each run's settings too.
enum class StatusDetail { counts, work };

/// State of the sweep of `file`: from the journal if there is one, else from the file. Throws ConfigError if there is
/// neither.
[[nodiscard]] StatusReport read_status(const std::filesystem::path& file, StatusDetail detail = StatusDetail::counts);

}  // namespace fasweep
