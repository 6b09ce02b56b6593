// L = 1/2 sum_c e_c^2 with the outputs f as prediction.
#pragma once

#include <string_view>

namespace fasweep {

struct SquaredLoss {
  static constexpr std::string_view name = "squared";
};

}  // namespace fasweep
