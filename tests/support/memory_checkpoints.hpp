// Checkpoints kept in memory, for tests of trainers.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "train/checkpoint.hpp"

namespace fasweep::testing {

/// Keeps the latest state of each run, and cancels the training after `saves` of them.
class MemoryCheckpoints final : public Checkpoints {
 public:
  explicit MemoryCheckpoints(std::atomic<bool>& cancelled, int saves_left = std::numeric_limits<int>::max())
      : saves(saves_left), cancelled_(cancelled) {}

  [[nodiscard]] double interval_s() const override { return 0; }  // a save at every look at the clock
  [[nodiscard]] std::optional<Bytes> load(std::int64_t run, Solver solver) override {
    const auto found = states.find({run, solver});
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  void save(std::int64_t run, Solver solver, std::span<const std::byte> saved) override {
    states[{run, solver}] = Bytes(saved.begin(), saved.end());
    cancelled_ = --saves <= 0;
  }
  void tell(const std::string& text) override { told.push_back(text); }

  std::map<std::pair<std::int64_t, Solver>, Bytes> states;
  int saves;
  std::vector<std::string> told;

 private:
  std::atomic<bool>& cancelled_;
};

}  // namespace fasweep::testing
