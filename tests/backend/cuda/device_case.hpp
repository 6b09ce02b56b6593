// What tests of trainers on the emulated device share.
#pragma once

#include <gtest/gtest.h>
#include <cmath>

#include "support/device_emulated.hpp"
#include "train/record.hpp"

namespace fasweep::testing {

/// The emulated device as tests find it, and as they leave it.
class EmulatedDevice : public ::testing::Test {
 protected:
  ~EmulatedDevice() override {
    emulation::device_settings() = {};
    EXPECT_EQ(emulation::allocated_bytes(), 0U) << "device memory is given back";
  }
};

/// All that must not differ: everything but times.
inline void expect_same(const RunRecord& a, const RunRecord& b) {
  EXPECT_EQ(a.run, b.run);
  EXPECT_EQ(a.steps, b.steps);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.points, b.points);
  ASSERT_EQ(a.trajectory.size(), b.trajectory.size());
  for (std::size_t i = 0; i < a.trajectory.size(); ++i) {
    EXPECT_TRUE(a.trajectory[i] == b.trajectory[i] || (std::isnan(a.trajectory[i]) && std::isnan(b.trajectory[i])))
        << "value " << i << ": " << a.trajectory[i] << " and " << b.trajectory[i];
  }
}

}  // namespace fasweep::testing
