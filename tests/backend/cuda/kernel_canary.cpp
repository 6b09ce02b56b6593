// Built once per planted fault (plant_fault.cmake) and once without: says "caught: why" or "sound". The tests of the
// kernels are worth something only if each fault is caught.
#include <iostream>

#include "backend/cuda/kernel_case.hpp"
#include "model/activation/list.hpp"
#include "support/cuda_emulation.hpp"

namespace {

using namespace fasweep;

#if defined(__SANITIZE_THREAD__)
constexpr int samples = 33;  // two panels of columns; larger shapes take minutes
constexpr int tests = 0;
constexpr int width = 70;  // two blocks
#else
constexpr int samples = 50;
constexpr int tests = 30;
constexpr int width = 200;
#endif

/// What gives the kernels away, or nothing.
std::string find_fault() {
  testing::KernelCase c{
      .samples = samples, .tests = tests, .width = width, .activation = Activations::index_of<Relu>()};
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
