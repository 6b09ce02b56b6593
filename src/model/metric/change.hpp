// How far weights have moved from where they started.
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct HiddenChangeMetric {
  static constexpr std::string_view name = "hidden_change";
  static constexpr std::string_view long_name = "Frobenius norm of the hidden weights' change ||W(t) - W(0)||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_hidden_change;
  static double value(const Observation& o) { return std::sqrt(std::max(o.hidden_change_square, 0.0)); }
};

struct MaxHiddenChangeMetric {
  static constexpr std::string_view name = "max_hidden_change";
  static constexpr std::string_view long_name = "largest change of a hidden unit's weights max_r ||w_r(t) - w_r(0)||";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_hidden_change;
  static double value(const Observation& o) { return o.max_hidden_change; }
};

struct MaxOutputChangeMetric {
  static constexpr std::string_view name = "max_output_change";
  static constexpr std::string_view long_name = "largest change of an output weight max |beta(t) - beta(0)|";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = plain;
  static double value(const Observation& o) { return o.max_output_change; }
};

}  // namespace fasweep
