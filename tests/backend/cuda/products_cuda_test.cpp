// The real cuBLAS behind device.hpp, as far as a machine without a GPU can see it.
#include <gtest/gtest.h>

#include "backend/cuda/device.hpp"

namespace fasweep {
namespace {

TEST(ProductsCuda, TheLibraryAndItsFunctionsAreFound) {
  const std::string missing = why_no_products();
  if (missing.find("cannot be loaded") != std::string::npos || missing.find("built without") != std::string::npos) {
    GTEST_SKIP() << missing;  // a toolkit without cuBLAS
  }
  EXPECT_EQ(missing, "");
}

}  // namespace
}  // namespace fasweep
