// Inputs that 16 bits hold: whole numbers of at most 2048 times one unit, such as pixels. Found from the data.
#pragma once

#include <cstdint>
#include <optional>

#include "model/dataset.hpp"

namespace fasweep {

/// Largest whole number up to which 16-bit numbers hold all.
inline constexpr int largest_count = 2048;

/// The unit of which all raw inputs are whole multiples, to float32's accuracy, of at most largest_count; nullopt
/// if there is none, or if normalisation subtracts so much that float32's sums of the raw inputs would lose digits.
[[nodiscard]] std::optional<double> find_input_unit(const Dataset& dataset);

/// The 16 bits of a whole number of at most largest_count in magnitude.
[[nodiscard]] std::uint16_t half_of_count(int count);

}  // namespace fasweep
