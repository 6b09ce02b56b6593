#include "cli/progress_line.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep::cli {
namespace {

using ::testing::HasSubstr;

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

TEST(ProgressLine, SaysHowBusyCoresAndDevicesAre) {
  const auto described = [](double cores, double devices) {
    Progress progress = half_done();
    progress.busy = {cores, devices};
    return describe_progress(progress, std::numeric_limits<std::size_t>::max());
  };
  EXPECT_THAT(described(0.9749, not_a_number), HasSubstr("64 workers 97 % busy, ETA"));
  EXPECT_THAT(described(0.5, 0.875), HasSubstr("64 workers (cores 50 %, GPUs 88 % busy), ETA"));
  EXPECT_THAT(described(not_a_number, 0.875), HasSubstr("64 workers (GPUs 88 % busy), ETA"));
  EXPECT_THAT(described(0, not_a_number), HasSubstr("64 workers, ETA")) << "nothing is over yet";
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
