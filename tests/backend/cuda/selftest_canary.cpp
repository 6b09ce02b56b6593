// Built with a planted fault (plant_fault.cmake): says "caught: why" or "sound", by the bits of `fasweep selftest`.
#include <iostream>

#include "backend/cuda/selftest.hpp"

int main() {
  std::string fault;
  fasweep::check_kernel_bits([&](const fasweep::SelfTestLine& line) {
    if (!line.passed && fault.empty()) {
      fault = line.text;
    }
  });
  std::cout << (fault.empty() ? "sound" : "caught: " + fault) << "\n";
  return 0;
}
