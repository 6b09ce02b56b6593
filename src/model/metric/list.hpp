// The metrics, and what is asked of them by their position in the list. To add one: write its struct in a file of this
// folder, include it here and add it to `Metrics`; the job grammar, the record, the file and the exports follow. The
// metrics of a snapshot stand last.
#pragma once

#include <concepts>
#include <span>
#include <string_view>
#include <vector>

#include "model/metric/accuracy.hpp"
#include "model/metric/alignment.hpp"
#include "model/metric/alignment_terms.hpp"
#include "model/metric/change.hpp"
#include "model/metric/dead_units.hpp"
#include "model/metric/effective_rank.hpp"
#include "model/metric/error_norm.hpp"
#include "model/metric/feedback_norm_ratio.hpp"
#include "model/metric/gradient_alignment.hpp"
#include "model/metric/infinite_width.hpp"
#include "model/metric/kernel_change.hpp"
#include "model/metric/kernel_eigenvalues.hpp"
#include "model/metric/kernel_target_alignment.hpp"
#include "model/metric/layer_effective_rank.hpp"
#include "model/metric/layer_feedback_norm_ratio.hpp"
#include "model/metric/layer_gradient_alignment.hpp"
#include "model/metric/layer_signal_alignment.hpp"
#include "model/metric/layer_weight_alignment.hpp"
#include "model/metric/loss.hpp"
#include "model/metric/output_norm.hpp"
#include "model/metric/output_parts.hpp"
#include "model/metric/outputs.hpp"
#include "model/metric/overlaps.hpp"
#include "model/metric/prediction.hpp"
#include "model/metric/signal_alignment.hpp"
#include "model/metric/traits.hpp"
#include "model/network_sizes.hpp"
#include "model/observation.hpp"
#include "util/type_list.hpp"

namespace fasweep {

using Metrics =
    TypeList<LossMetric, RegularizedLossMetric, ErrorNormMetric, AlignmentMetric, GradientAlignmentMetric,
             OutputNormMetric, HiddenChangeMetric, MaxOutputChangeMetric, MaxHiddenChangeMetric, TestLossMetric,
             AccuracyMetric, TestAccuracyMetric, BatchLossMetric, SignalAlignmentMetric, SignalAlignmentDeviationMetric,
             BatchSignalAlignmentMetric, SamplesWithoutSignalMetric,
             // of a snapshot
             KernelEigenvaluesMetric, FeedbackNormRatioMetric, FeedbackKernelEigenvaluesMetric,
             TangentKernelEigenvaluesMetric, SharpnessMetric, FeedbackKernelNormMetric, KernelChangeMetric,
             FeedbackKernelChangeMetric, FeedbackKernelTargetAlignmentMetric, TangentKernelTargetAlignmentMetric,
             TangentKernelEffectiveRankMetric, PreActivationEffectiveRankMetric, DeadUnitsMetric, AlignmentTermsMetric,
             ExpectedKernelMinMetric, ExpectedKernelMaxMetric, ExpectedKernelDistanceMetric, InputGramMinMetric,
             InputGramMaxMetric, TargetNormMetric, LazyDeviationMetric, InfiniteWidthDeviationMetric,
             SlowestContractionMetric, FirstOrderErrorMetric, OutputPartsMetric, LayerWeightAlignmentMetric,
             LayerSignalAlignmentMetric, LayerGradientAlignmentMetric, LayerFeedbackNormRatioMetric,
             LayerEffectiveRankMetric, OutputsMetric, StudentTeacherOverlapsMetric, StudentOverlapsMetric,
             TeacherOverlapsMetric, StudentOutputWeightsMetric, StudentFeedbackWeightsMetric,
             TeacherOutputWeightsMetric>;

/// First tier: one number of an Observation.
template <class Metric>
concept SumMetric = requires(const Observation& o) {
  { Metric::value(o) } -> std::same_as<double>;
};
/// Second tier: numbers of a Snapshot; several of them have a dimension of their own.
template <class Metric>
concept SeveralNumbers = requires(const Snapshot& s, const NetworkSizes& sizes, std::span<double> out) {
  {Metric::values(s, out)};
  { Metric::size(sizes) } -> std::same_as<int>;
  { Metric::dimension } -> std::convertible_to<std::string_view>;
};
template <class Metric>
concept SnapshotMetric = (Metric::traits & sees_snapshot) != 0 && requires(const NetworkSizes& sizes) {
  { Metric::cost(sizes) } -> std::same_as<double>;
  { Metric::reads } -> std::convertible_to<HiddenParts>;
}
&&(SeveralNumbers<Metric> || requires(const Snapshot& s) {
  { Metric::value(s) } -> std::same_as<double>;
});

/// Traits of a metric, by its position.
[[nodiscard]] inline unsigned traits_of(int metric) {
  return Metrics::visit(metric, [](auto type) {
    using Metric = typename decltype(type)::type;
    static_assert(SumMetric<Metric> != SnapshotMetric<Metric>, "a metric is of one of the two tiers (traits.hpp)");
    return Metric::traits;
  });
}
/// Traits that any of the chosen metrics has.
[[nodiscard]] inline unsigned traits_of(const std::vector<int>& chosen) {
  unsigned traits = plain;
  for (const int metric : chosen) {
    traits |= traits_of(metric);
  }
  return traits;
}

[[nodiscard]] inline bool reads_snapshot(int metric) {
  return (traits_of(metric) & sees_snapshot) != 0;
}
[[nodiscard]] inline bool reads_snapshot(const std::vector<int>& chosen) {
  return (traits_of(chosen) & sees_snapshot) != 0;
}

/// Numbers of a metric at one step of a run of these sizes.
[[nodiscard]] inline int size_of(int metric, const NetworkSizes& sizes) {
  return Metrics::visit(metric, [&](auto type) {
    using Metric = typename decltype(type)::type;
    if constexpr (SeveralNumbers<Metric>) {
      return Metric::size(sizes);
    } else {
      return 1;
    }
  });
}

/// What a metric's several numbers are counted by; empty if it gives one.
[[nodiscard]] inline std::string_view dimension_of(int metric) {
  return Metrics::visit(metric, [](auto type) -> std::string_view {
    using Metric = typename decltype(type)::type;
    if constexpr (SeveralNumbers<Metric>) {
      return Metric::dimension;
    } else {
      return {};
    }
  });
}

/// The number of a metric of the first tier; NaN for one of the second.
[[nodiscard]] inline double value_of(int metric, const Observation& observation) {
  return Metrics::visit(metric, [&](auto type) {
    using Metric = typename decltype(type)::type;
    if constexpr (SumMetric<Metric>) {
      return Metric::value(observation);
    } else {
      return not_a_number;
    }
  });
}

/// Numbers of the chosen metrics (positions in `Metrics`), one each, in that order; all of the first tier.
[[nodiscard]] inline std::vector<double> evaluate_metrics(const std::vector<int>& chosen,
                                                          const Observation& observation) {
  std::vector<double> values;
  values.reserve(chosen.size());
  for (const int metric : chosen) {
    values.push_back(value_of(metric, observation));
  }
  return values;
}

/// Numbers of those of the chosen metrics that are of the second tier, one metric's after the other's.
[[nodiscard]] std::vector<double> evaluate_snapshot(const std::vector<int>& chosen, const Snapshot& snapshot);

}  // namespace fasweep
