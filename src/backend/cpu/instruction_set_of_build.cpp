// In a build for one instruction set: that one (FASWEEP_ARCH).
#include <array>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/instruction_set.hpp"

namespace fasweep {
namespace {

constexpr std::array sets{InstructionSet{FASWEEP_ISA_NAME, [] { return true; }, make_cpu_trainer}};

}  // namespace

std::span<const InstructionSet> instruction_sets() {
  return sets;
}

}  // namespace fasweep
