#include "train/checkpoint.hpp"

namespace fasweep {

bool StepTimer::look(std::int64_t step) {
  constexpr double looks_an_interval = 64;
  const double now = since_start_.seconds();
  const bool early = now - last_look_s_ < interval_s_ / looks_an_interval;
  gap_ = early ? 2 * gap_ : std::max<std::int64_t>(gap_ / 2, 1);
  constexpr std::int64_t longest_gap = std::int64_t{1} << 40;  // without an interval it would double for ever
  gap_ = std::min(gap_, longest_gap);
  next_look_ = step + gap_;
  last_look_s_ = now;
  return since_restart_.seconds() >= interval_s_;
}

}  // namespace fasweep
