// Gathers result files of one plan, made by independent jobs (fasweep run --shard), into one file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "store/result_store.hpp"

namespace fasweep {

struct MergeReport {
  std::int64_t runs = 0;       // of the plan
  std::int64_t missing = 0;    // in no input
  std::int64_t failed = 0;     // recorded as failed
  std::int64_t differing = 0;  // second records that are not the first one's, time and place apart; the first is kept
  std::string agents = {};     // of the output: who trained its runs (Provenance)
};

/// Takes the records of `inputs` in their order (of an unfinished sweep those in its journal) into `output`, which may
/// hold some of the same plan already. Killed half-way, the same call continues. While runs are missing or records
/// differ, the output keeps its journal, so that a later call can add to it. Throws PlanConflictError with the
/// differences if plans differ, ConfigError, DamagedError; then nothing has been changed.
[[nodiscard]] MergeReport merge_results(const std::vector<std::filesystem::path>& inputs,
                                        const std::filesystem::path& output, StoreOptions options, SessionInfo session);

}  // namespace fasweep
