// Whether what a run recorded is what the plain reference gives, within what the run's precision allows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "train/record.hpp"

namespace fasweep {

/// Where a metric of a run is farthest from the reference, for what is allowed there.
struct Deviation {
  int metric = 0;         // position in `Metrics`
  std::int64_t step = 0;  // a recorded one, or the run's last
  double recorded = 0;
  double expected = 0;
  double relative = 0;  // the difference, by the scale of the metric (check_record.cpp)
  double allowed = 0;   // as above

  [[nodiscard]] bool is_wrong() const { return !(relative <= allowed); }
};

struct RecordCheck {
  std::vector<Deviation> deviations;  // one a recorded metric, in their order
  std::string wrong_end;              // why the run cannot have ended where it did; empty if it can
  bool is_sensitive = false;          // to rounding, for which more was allowed than the usual

  [[nodiscard]] bool is_sound() const;
};

/// Trains the run again (train_reference.hpp), and a few times more, rounded, if the record differs by more than is
/// usual. record: of this run, with its metrics and steps (store/record_check.hpp), done or diverged. Throws
/// ConfigError for what the reference does not know.
[[nodiscard]] RecordCheck check_record(const Problem& problem, const RunSettings& settings, const RunSpec& run,
                                       const RunRecord& record);

}  // namespace fasweep
