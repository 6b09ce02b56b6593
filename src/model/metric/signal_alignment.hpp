// The angles of the error signals that beta and b send back; with one output they are the alignment.
#pragma once

#include <string_view>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"

namespace fasweep {

struct SignalAlignmentMetric {
  static constexpr std::string_view name = "signal_alignment";
  static constexpr std::string_view long_name =
      "mean over the step's batch of the cosine of a sample's signals beta e and b e";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.signal_cosine; }
};

struct SignalAlignmentDeviationMetric {
  static constexpr std::string_view name = "signal_alignment_deviation";
  static constexpr std::string_view long_name =
      "standard deviation over the step's batch of the cosine of a sample's signals";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.signal_deviation; }
};

struct SamplesWithoutSignalMetric {
  static constexpr std::string_view name = "samples_without_signal";
  static constexpr std::string_view long_name =
      "number of the step's batch's samples whose signals are too small for a cosine, left out of signal_alignment";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs | not_for_one_output | rounding_decides;
  static double value(const Observation& o) { return o.without_signal; }
};

struct BatchSignalAlignmentMetric {
  static constexpr std::string_view name = "batch_signal_alignment";
  static constexpr std::string_view long_name = "cosine of the signals beta e and b e summed over the step's batch";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = for_several_outputs;
  static double value(const Observation& o) { return o.batch_signal_cosine; }
};

}  // namespace fasweep
