// What schedules and stop rules share: parameters, reals in the order in which a job file writes them, as in
// exponential(0.999).
#pragma once

#include <cstddef>
#include <span>
#include <variant>

#include "util/type_list.hpp"

namespace fasweep {

template <class... Types>
struct AlternativesOf;
template <class... Types>
struct AlternativesOf<TypeList<Types...>> {
  using Variant = std::variant<Types...>;
};

/// Gives `alternative` the values a job wrote. Returns whether it takes as many: each parameter once, or, if `values`
/// is a vector, the last parameter any number of times, at least once.
template <class Alternative>
[[nodiscard]] bool take_values(Alternative& alternative, std::span<const double> values) {
  if constexpr (requires { alternative.values.resize(values.size()); }) {
    alternative.values.resize(values.size());
  }
  if (values.size() != alternative.values.size() || values.size() < Alternative::parameters.size()) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    alternative.values[i] = values[i];
  }
  return true;
}

}  // namespace fasweep
