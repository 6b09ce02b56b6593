// The same factor throughout.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct ConstantSchedule {
  static constexpr std::string_view name = "constant";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  std::array<double, 0> values{};
  [[nodiscard]] bool valid() const { return true; }
  [[nodiscard]] double factor(std::int64_t /*t*/) const { return 1; }
};

}  // namespace fasweep
