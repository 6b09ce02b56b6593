// Ends a program for x86-64-v3 on a processor that lacks it: by one sentence, not by an illegal instruction. Compiled
// for every x86-64 (CMakeLists.txt), and run before anything that is not.
#include <unistd.h>

#include <string_view>

namespace {

constexpr std::string_view refusal =
    "fasweep: this processor cannot run the program (it lacks AVX2 or FMA, which x86-64 processors have had since "
    "about "
    "2013); build it there with cmake --preset release -D FASWEEP_ARCH=native\n";

// 101: the first that is not the compiler's own.
[[gnu::constructor(101)]] void refuse_older_processors() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) {
    static_cast<void>(!write(STDERR_FILENO, refusal.data(), refusal.size()));
    _exit(2);
  }
}

}  // namespace
