// What tests of trainers on the emulated device share.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/device_emulated.hpp"
#include "train/trainer.hpp"

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

/// Keeps states in memory, and cancels the training after `saves` of them.
class MemoryCheckpoints final : public Checkpoints {
 public:
  MemoryCheckpoints(std::atomic<bool>& cancelled, int saves) : cancelled_(cancelled), saves_(saves) {}

  [[nodiscard]] double interval_s() const override { return 0; }  // a save at every look at the clock
  [[nodiscard]] std::optional<Bytes> load(std::int64_t run, Solver solver) override {
    const auto found = states.find({run, solver});
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  void save(std::int64_t run, Solver solver, std::span<const std::byte> saved) override {
    states[{run, solver}] = Bytes(saved.begin(), saved.end());
    cancelled_ = --saves_ <= 0;
  }
  void tell(const std::string& text) override { told.push_back(text); }

  std::map<std::pair<std::int64_t, Solver>, Bytes> states;
  std::vector<std::string> told;

 private:
  std::atomic<bool>& cancelled_;
  int saves_;
};

}  // namespace fasweep::testing
