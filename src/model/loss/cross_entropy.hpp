// L = -sum_c y_c log softmax(f)_c with softmax(f) as prediction.
#pragma once

#include <string_view>

namespace fasweep {

struct CrossEntropyLoss {
  static constexpr std::string_view name = "cross-entropy";
};

}  // namespace fasweep
