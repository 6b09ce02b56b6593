#include "backend/cuda/device_clock.hpp"

#include <gtest/gtest.h>

namespace fasweep {
namespace {

TEST(DeviceClock, UsersShareTheTimeInWhichThereAreSeveral) {
  double now = 10;
  DeviceClock clock([&now] { return now; });
  const DeviceTurn first(clock);
  now = 11;
  EXPECT_DOUBLE_EQ(first.seconds(), 1);
  {
    const DeviceTurn second(clock);
    now = 13;
    EXPECT_DOUBLE_EQ(second.seconds(), 1);
    EXPECT_DOUBLE_EQ(first.seconds(), 2);
  }
  now = 14;
  EXPECT_DOUBLE_EQ(first.seconds(), 3);
}

TEST(DeviceClock, TimeWithoutUsersIsNobodys) {
  double now = 0;
  DeviceClock clock([&now] { return now; });
  now = 5;
  const DeviceTurn turn(clock);
  now = 7;
  EXPECT_DOUBLE_EQ(turn.seconds(), 2);
}

TEST(DeviceClock, EachDeviceHasItsOwn) {
  EXPECT_EQ(&DeviceClock::of(0), &DeviceClock::of(0));
  EXPECT_NE(&DeviceClock::of(0), &DeviceClock::of(1));
}

}  // namespace
}  // namespace fasweep
