// The instruction sets that the program has solvers for. Their results differ in the last digits, as sums over the
// lanes of a register are rounded otherwise; all else is the same.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "train/trainer.hpp"

namespace fasweep {

struct InstructionSet {
  std::string_view name;
  bool (*is_here)();  // whether this processor and system have it
  std::unique_ptr<Trainer> (*make_trainer)();
};

/// Of this build, at least one; a processor that has one has those before it, and is fastest with its last.
[[nodiscard]] std::span<const InstructionSet> instruction_sets();

}  // namespace fasweep
