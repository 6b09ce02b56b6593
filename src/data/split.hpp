// Which samples of a set train and which are held out: an order of all samples, of which the first train and the last
// are held out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/samples.hpp"

namespace fasweep {

/// The rows of `labels` in the order of `split`, which is not SplitLaw::last; a pure function of its arguments. labels:
/// one a row; looked at only to keep each class's share, within one sample, in whatever begins or ends the order.
[[nodiscard]] std::vector<std::int64_t> draw_order(const Split& split, std::span<const double> labels);

/// `samples` in the order of settings.split. Throws ConfigError if classes are to keep their shares and there are none.
template <class Number>
[[nodiscard]] Samples<Number> put_in_order(const DataSettings& settings, Samples<Number> samples);

}  // namespace fasweep
