// The state of a sweep that runs, was interrupted or is over, from its journal or its file. Reads only, takes no lock.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/status.hpp"

namespace fasweep {

struct StatusReport {
  bool complete = false;
  std::int64_t runs = 0;
  std::array<std::int64_t, run_status_names.size()> counts{};
  double wall_s_total = 0;            // of the runs with a record
  std::vector<std::string> failures;  // "run 12: why"
  std::string job_text;
};

/// State of the sweep of `file`: from the journal if there is one, else from the file. Throws ConfigError if there is
/// neither.
[[nodiscard]] StatusReport read_status(const std::filesystem::path& file);

}  // namespace fasweep
