// In a build for every x86-64 since AVX2: its two levels v3 and v4 (System V ABI, AMD64 supplement, table 3.1).
#include <array>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/instruction_set.hpp"

namespace fasweep {

/// make_cpu_trainer() as compiled for x86-64-v4; see CMakeLists.txt.
std::unique_ptr<Trainer> make_cpu_trainer_v4();

namespace {

// No processor has these and lacks the rest of its level.
bool has_v3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
}

bool has_v4() {
  return has_v3() && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

constexpr std::array sets{InstructionSet{"v3", has_v3, make_cpu_trainer},
                          InstructionSet{"v4", has_v4, make_cpu_trainer_v4}};

}  // namespace

std::span<const InstructionSet> instruction_sets() {
  return sets;
}

}  // namespace fasweep
