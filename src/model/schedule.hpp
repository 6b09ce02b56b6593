// Ridge schedules lambda(t) = lambda * factor(t), t = 0, 1, ... the step whose update it enters. To add one: write its
// struct, add it to `Schedules`. Parameters are reals in the order a job file writes them: exponential(0.999).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <variant>

#include "util/type_list.hpp"

namespace fasweep {

// Each schedule has
//   name, parameters, values   as written in a job file, one value a parameter;
//   accepted                   what the values must satisfy, for error messages, and valid() to check it;
//   factor(t)                  lambda(t) / lambda.

struct ConstantSchedule {
  static constexpr std::string_view name = "constant";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view accepted = "no parameters";
  std::array<double, 0> values{};
  friend bool operator==(const ConstantSchedule&, const ConstantSchedule&) = default;
  [[nodiscard]] bool valid() const { return true; }
  [[nodiscard]] double factor(std::int64_t /*t*/) const { return 1; }
};

/// lambda for t < T, then 0: sums to T lambda (the paper's Theorem 4.6 with its off-by-one mended).
struct CutoffSchedule {
  static constexpr std::string_view name = "cutoff";
  static constexpr std::array<std::string_view, 1> parameters{"steps"};
  static constexpr std::string_view accepted = "steps >= 0";
  std::array<double, 1> values{};
  friend bool operator==(const CutoffSchedule&, const CutoffSchedule&) = default;
  [[nodiscard]] bool valid() const { return values[0] >= 0; }
  [[nodiscard]] double factor(std::int64_t t) const { return static_cast<double>(t) < values[0] ? 1 : 0; }
};

/// lambda r^t: sums to lambda / (1 - r).
struct ExponentialSchedule {
  static constexpr std::string_view name = "exponential";
  static constexpr std::array<std::string_view, 1> parameters{"rate"};
  static constexpr std::string_view accepted = "0 < rate <= 1";
  std::array<double, 1> values{};
  friend bool operator==(const ExponentialSchedule&, const ExponentialSchedule&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0 && values[0] <= 1; }
  [[nodiscard]] double factor(std::int64_t t) const { return std::pow(values[0], static_cast<double>(t)); }
};

/// lambda / (1 + t / tau)^2: sums to lambda tau^2 trigamma(tau).
struct InverseSquareSchedule {
  static constexpr std::string_view name = "inverse-square";
  static constexpr std::array<std::string_view, 1> parameters{"tau"};
  static constexpr std::string_view accepted = "tau > 0 (steps)";
  std::array<double, 1> values{};
  friend bool operator==(const InverseSquareSchedule&, const InverseSquareSchedule&) = default;
  [[nodiscard]] bool valid() const { return values[0] > 0; }
  [[nodiscard]] double factor(std::int64_t t) const {
    const double base = 1 + static_cast<double>(t) / values[0];
    return 1 / (base * base);
  }
};

template <class... Types>
struct AlternativesOf;
template <class... Types>
struct AlternativesOf<TypeList<Types...>> {
  using Variant = std::variant<Types...>;
};

using Schedules = TypeList<ConstantSchedule, CutoffSchedule, ExponentialSchedule, InverseSquareSchedule>;
using Schedule = AlternativesOf<Schedules>::Variant;

/// lambda(t) / lambda of the schedule in force.
[[nodiscard]] inline double schedule_factor(const Schedule& schedule, std::int64_t t) {
  return std::visit([t](const auto& s) { return s.factor(t); }, schedule);
}

}  // namespace fasweep
