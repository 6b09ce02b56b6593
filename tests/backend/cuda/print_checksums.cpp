// Prints the table of src/backend/cuda/selftest_checksums.hpp as the emulated device gives it: a new activation or rule
// adds rows. usage: print_checksums
#include <iomanip>
#include <iostream>

#include "backend/cuda/selftest.hpp"

int main() {
  for (const fasweep::KernelChecksum& sums : fasweep::make_kernel_checksums()) {
    std::cout << "    {\"" << sums.activation << "\", " << sums.shape << ", 0x" << std::hex << std::setfill('0')
              << std::setw(16) << sums.train_step << "U, 0x" << std::setw(16) << sums.observe << "U" << std::dec;
    std::cout << (sums.rule.empty() ? "" : ", \"" + std::string(sums.rule) + "\"") << "},\n";
  }
}
