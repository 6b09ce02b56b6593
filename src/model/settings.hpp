// The settings of a job by the names of their keys, so that each solver can say which of them it honours
// (model/solver/list.hpp) and any other that is away from its default refuses a run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "model/run_spec.hpp"

namespace fasweep {

/// Keys of [data] and [training], and the depth, one for each field of DataSettings and TrainingSettings, in their
/// order. step-size and the other keys of [grid] are coordinates of a run, which all solvers honour; the keys of one
/// rule alone are honoured by whoever takes the rule.
inline constexpr auto setting_keys = std::to_array<std::string_view>({
    "data.source",
    "data.path",
    "data.n",
    "data.d",
    "data.outputs",
    "data.test-n",
    "data.targets",
    "data.normalize",
    "data.checksum",
    "data.inputs",
    "data.label-noise",
    "data.teacher-width",
    "data.draw",
    "data.target",
    "data.header",
    "data.split",
    "data.teacher",
    "data.samples",
    "training.schedule",
    "training.max-steps",
    "training.stop",
    "training.precision",
    "training.loss",
    "training.reduction",
    "training.batch-size",
    "training.sample-order",
    "training.last-batch",
    "training.dropout",
    "training.output-scale",
    "training.initial-weights",
    "training.initial-output",
    "training.initial-feedback",
    "training.biases",
    "training.initial-biases",
    "training.decay",
    "training.step-schedule",
    "training.richness",
    "training.feedback-correlation",
    "training.optimizer",
    "training.error-delay",
    "training.initial-state",
    "grid.depth",
    "training.output-step-factor",
});

/// A set of setting_keys.
class KeySet {
 public:
  constexpr KeySet() = default;
  /// Every name must be one of setting_keys, which is checked when a constant is compiled.
  constexpr KeySet(std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names) {
      insert(*find(name));
    }
  }

  constexpr void insert(std::size_t key) { bits_ |= std::uint64_t{1} << key; }
  /// False for a name that is not a key.
  [[nodiscard]] constexpr bool contains(std::string_view name) const {
    const std::optional<std::size_t> key = find(name);
    return key && (bits_ >> *key & 1U) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr KeySet with(KeySet other) const {
    KeySet both;
    both.bits_ = bits_ | other.bits_;
    return both;
  }
  [[nodiscard]] constexpr KeySet without(KeySet other) const {
    KeySet rest;
    rest.bits_ = bits_ & ~other.bits_;
    return rest;
  }
  /// In the order of setting_keys.
  [[nodiscard]] std::vector<std::string_view> names() const;

 private:
  static constexpr std::optional<std::size_t> find(std::string_view name) {
    for (std::size_t key = 0; key < setting_keys.size(); ++key) {
      if (setting_keys[key] == name) {
        return key;
      }
    }
    return std::nullopt;
  }

  std::uint64_t bits_ = 0;
};

/// Keys of a teacher's problem, which every solver on every device starts from (model/problem.hpp).
inline constexpr KeySet teacher_keys{
    "data.n",
    "data.d",
    "data.test-n",
    "data.inputs",
    "data.label-noise",
    "data.teacher-width",
    "data.draw",
    "data.teacher",
    "training.initial-weights",
    "training.initial-output",
    "training.initial-feedback",
    "training.initial-state",
    "training.richness",
    "training.feedback-correlation",
};

/// Keys that may have any value in the paper's setting: one output, squared loss summed over all samples in every step,
/// no dropout, no biases, decay of the output weights, scale root-width.
inline constexpr KeySet theory_keys = teacher_keys.with(
    {"data.source", "data.path", "data.normalize", "data.checksum", "data.target", "data.header", "data.split",
     "training.schedule", "training.max-steps", "training.stop", "training.precision", "training.step-schedule"});

/// The keys whose values are away from their defaults and mean something: a batch of all samples is the default, and
/// how a data set is read means nothing for a teacher.
[[nodiscard]] KeySet changed_settings(const DataSettings& data, const TrainingSettings& training);

}  // namespace fasweep
