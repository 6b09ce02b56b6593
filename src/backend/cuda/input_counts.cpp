#include "backend/cuda/input_counts.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Eigen/Core>

namespace fasweep {
namespace {

bool is_multiple(double raw, double unit) {
  constexpr double tolerance = 0x1p-26;  // a quarter of what float32 rounds away of it
  const double count = raw / unit;
  return std::abs(count - std::nearbyint(count)) <= tolerance * std::abs(count);
}

/// Mean square of the normalised inputs, and of what they are before their shift is subtracted.
bool shifts_keep_digits(const Dataset& dataset) {
  constexpr double most = 16;  // two bits of 24
  std::vector<double> square(static_cast<std::size_t>(dataset.inputs));
  std::vector<double> sum(square.size());
  for (std::size_t i = 0; i < dataset.raw.size(); ++i) {
    const auto j = static_cast<std::size_t>(dataset.column[i]);
    const double value = dataset.raw[i] * dataset.scale[j];
    sum[j] += value;
    square[j] += value * value;
  }
  const double rows = static_cast<double>(dataset.samples) + dataset.test_samples;
  double before = 0;
  double after = 0;
  for (std::size_t j = 0; j < square.size(); ++j) {
    const double shift = dataset.shift[j];
    before += square[j] + rows * shift * shift;
    after += square[j] - 2 * shift * sum[j] + rows * shift * shift;
  }
  return before <= most * after;
}

}  // namespace

std::optional<double> find_input_unit(const Dataset& dataset) {
  double largest = 0;
  for (const double raw : dataset.raw) {
    largest = std::max(largest, std::abs(raw));
  }
  if (!(largest > 0) || !std::isfinite(largest) || !shifts_keep_digits(dataset)) {
    return std::nullopt;
  }
  // Most wrong units fail at one of the first inputs.
  for (int count = 1; count <= largest_count; ++count) {
    const double unit = largest / count;
    if (std::all_of(dataset.raw.begin(), dataset.raw.end(), [=](double raw) { return is_multiple(raw, unit); })) {
      return unit;
    }
  }
  return std::nullopt;
}

std::uint16_t half_of_count(int count) {
  return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(static_cast<float>(count)));
}

}  // namespace fasweep
