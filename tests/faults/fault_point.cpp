// The fault_point() of fasweep-faults: FASWEEP_FAULT=NAME:COUNT:RANK kills the process of that rank, as by SIGKILL,
// when it comes to the point NAME for the COUNTth time.
#include "util/fault_point.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

namespace fasweep {
namespace {

struct Fault {
  std::string name;
  int count = 0;
};

/// Of this rank; without a name if it is to live.
Fault read_fault() {
  const char* variable = std::getenv("FASWEEP_FAULT");
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const std::string text = variable == nullptr ? "" : variable;
  const std::size_t count = text.find(':');
  const std::size_t of_rank = text.rfind(':');
  if (text.empty() || text.substr(of_rank + 1) != (rank == nullptr ? "0" : rank)) {
    return {};
  }
  return {text.substr(0, count), std::stoi(text.substr(count + 1))};
}

}  // namespace

void fault_point(std::string_view name) noexcept {
  static const Fault fault = read_fault();
  static std::atomic<int> seen = 0;
  if (name == fault.name && ++seen == fault.count) {
    static_cast<void>(std::raise(SIGKILL));
  }
}

}  // namespace fasweep
