// As kernel_canary.cpp, for the resident kernel: runs of several blocks, in launches of a few steps.
#include <iostream>

#include "backend/cuda/resident_case.hpp"
#include "model/activation/list.hpp"
#include "support/cuda_emulation.hpp"

namespace {

using namespace fasweep;

constexpr int shared_bytes = 27 * 1024;  // so little that a run needs two blocks

/// What gives the kernel away, or nothing.
std::string find_fault() {
  testing::KernelCase c{.samples = 20, .tests = 3, .width = 40, .activation = Activations::index_of<Relu>()};
  c.runs = {{0, 0, 0.02}, {0, 1, 0.02}};
  const Problem problem = make_problems(c)[0];
  const std::vector<testing::ResidentResult> natural = train_on_chip(c, shared_bytes);
  if (natural[0].blocks != 2) {
    return "a run of " + std::to_string(natural[0].blocks) + " blocks, where the canary is for two";
  }
  for (std::size_t run = 0; run < c.runs.size(); ++run) {
    testing::KernelResult result;
    result.state = natural[run].state;
    constexpr double tolerance = 1e-5;  // of z and of the output weights, as in resident_kernels_test.cpp
    testing::PlainSampleSpace plain = train_plainly(c, problem, c.runs[run]);
    plain.losses.clear();
    if (!(distance(result, plain, 0) <= tolerance)) {
      return "other numbers than the plain loops";
    }
  }
  for (const std::uint64_t seed : {1U, 20U, 300U}) {
    emulation::order_seed() = seed;
    const std::vector<testing::ResidentResult> shuffled = train_on_chip(c, shared_bytes, 2);
    if (shuffled[0].state != natural[0].state || shuffled[1].state != natural[1].state) {
      return "other bits in another order of threads and launches";
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
