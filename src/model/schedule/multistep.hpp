// gamma^k with k the number of milestones passed: multistep(0.1, 1000, 5000) multiplies by 0.1 from step 1000 on and
// once more from step 5000 on.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace fasweep {

struct MultistepSchedule {
  static constexpr std::string_view name = "multistep";
  static constexpr std::array<std::string_view, 2> parameters{"gamma", "milestone..."};
  static constexpr std::string_view accepted = "gamma >= 0, milestones (steps) >= 0 that increase";
  std::vector<double> values;  // gamma, then the milestones
  [[nodiscard]] bool valid() const {
    return values.size() >= parameters.size() && values[0] >= 0 && values[1] >= 0 &&
           std::adjacent_find(values.begin() + 1, values.end(), [](double a, double b) { return a >= b; }) ==
               values.end();
  }
  [[nodiscard]] double factor(std::int64_t t) const {
    const auto passed = std::upper_bound(values.begin() + 1, values.end(), static_cast<double>(t));
    return std::pow(values[0], static_cast<double>(passed - values.begin() - 1));
  }
};

}  // namespace fasweep
