// Job files: any text is a job or is refused, and a job's resolved text is the same job again.
#include "fuzz/fuzzer.hpp"
#include "sweep/plan.hpp"
#include "util/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fasweep;
  try {
    const Plan plan(parse_job({reinterpret_cast<const char*>(data), size}, "fuzz.cfg"));
    const std::string text = resolved_text(plan.job());
    testing::require(resolved_text(parse_job(text, "resolved")) == text, "a resolved text resolves to itself");
    testing::require(plan.size() > 0, "a plan has runs");
    static_cast<void>(plan.identity(plan.size() - 1));
  } catch (const ConfigError&) {
    return 0;
  }
  return 0;
}
