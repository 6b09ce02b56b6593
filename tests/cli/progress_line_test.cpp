#include "cli/progress_line.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep::cli {
namespace {

using ::testing::StartsWith;

Progress half_done() {
  Progress progress;
  progress.total = 20000;
  progress.done = 9876;
  progress.failed = 1;
  progress.diverged = 23;
  progress.workers = 64;
  progress.share_done = 0.5;
  progress.runs_per_second = 3.25;
  progress.eta_s = 4000;
  return progress;
}

TEST(ProgressLine, SaysAllWhereThereIsRoom) {
  EXPECT_EQ(describe_progress(half_done(), std::numeric_limits<std::size_t>::max()),
            "9876/20000 runs (50.0 %), 3.25 runs/s, 1 failed, 23 diverged, 64 workers, ETA 1 h 6 min");
}

TEST(ProgressLine, FitsEveryWidthAndKeepsTheShareAndWhatIsLeft) {
  for (std::size_t width = 0; width < 120; ++width) {
    EXPECT_LE(describe_progress(half_done(), width).size(), width);
  }
  EXPECT_EQ(describe_progress(half_done(), 45), "9876/20000 runs (50.0 %), ETA 1 h 6 min");
  EXPECT_EQ(describe_progress(half_done(), 25), "50.0 %, ETA 1 h 6 min");
  EXPECT_EQ(describe_progress(half_done(), 3), "50.");
}

}  // namespace
}  // namespace fasweep::cli
