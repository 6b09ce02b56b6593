// Makes a Dataset of samples as they were read: compressed rows, targets, normalisation, checksum.
#pragma once

#include "data/samples.hpp"
#include "model/dataset.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// What is known of a set before its samples are looked at.
struct SetTraits {
  double unit = 1;  // of raw inputs: 1/255 makes pixels 0..1
  int classes = 0;  // labels are 0..classes-1; 0: as the labels say
};

/// The first samples of `train` and `test`, as many as `settings` says. Normalisation looks at those training samples
/// only. An input that is the same in all of them becomes 0 under per-input normalisation: no deviation to divide by.
/// Throws ConfigError if `settings` asks for what the set does not have.
template <class Number>
[[nodiscard]] Dataset assemble(const DataSettings& settings, const Samples<Number>& train, const Samples<Number>& test,
                               const SetTraits& traits);

}  // namespace fasweep
