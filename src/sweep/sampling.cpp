#include "sweep/sampling.hpp"

#include <boost/random/sobol.hpp>

#include "model/random.hpp"

namespace fasweep {

std::vector<std::vector<double>> sobol_points(std::int64_t count, int axes) {
  boost::random::sobol sequence(static_cast<std::size_t>(axes));
  std::vector<std::vector<double>> points(static_cast<std::size_t>(axes));
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::vector<double>& axis : points) {
      // 53 bits and half of the last, so that no point lies on the box's edge.
      axis.push_back((static_cast<double>(sequence() >> 11U) + 0.5) * 0x1p-53);
    }
  }
  return points;
}

std::vector<std::vector<double>> random_points(std::int64_t count, int axes) {
  std::vector<std::vector<double>> points(static_cast<std::size_t>(axes),
                                          std::vector<double>(static_cast<std::size_t>(count)));
  for (int axis = 0; axis < axes; ++axis) {
    RandomStream{0, axis, Purpose::samples_of_ranges}.fill_uniform(points[static_cast<std::size_t>(axis)]);
  }
  return points;
}

}  // namespace fasweep
