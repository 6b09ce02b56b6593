// Built once per planted fault (plant_fault.cmake) and once without: says "caught: why" or "sound". The tests of the
// kernels are worth something only if each fault is caught.
#include <iostream>

#include "backend/cuda/kernel_case.hpp"
#include "support/cuda_emulation.hpp"

namespace {

using namespace fasweep;

/// What gives the kernels away, or nothing.
std::string find_fault() {
  testing::KernelCase c{.samples = 50, .tests = 30, .width = 200, .activation = Activations::index_of<Relu>()};
  c.runs = {{0, 0, 0.02}, {0, 1, 0.02}};
  const Problem problem = make_problems(c)[0];
  const std::vector<testing::KernelResult> natural = train_on_device(c);
  for (std::size_t run = 0; run < c.runs.size(); ++run) {
    constexpr double tolerance = 1e-5;  // as in sample_space_kernels_test.cpp
    if (!(distance(natural[run], train_plainly(c, problem, c.runs[run]), c.samples) <= tolerance)) {
      return "other numbers than the plain loops";
    }
  }
  for (const std::uint64_t seed : {1U, 20U, 300U}) {
    emulation::order_seed() = seed;
    const std::vector<testing::KernelResult> shuffled = train_on_device(c);
    if (shuffled[0].state != natural[0].state || shuffled[1].state != natural[1].state) {
      return "other bits in another order of threads and blocks";
    }
  }
  return {};
}

}  // namespace

int main() {
  const std::string fault = find_fault();
  std::cout << (fault.empty() ? "sound" : "caught: " + fault) << "\n";
  return 0;
}
