// Where the numbers of each recorded metric lie among those of one recorded step.
#pragma once

#include <cstddef>
#include <vector>

#include "model/metric/list.hpp"
#include "model/network_sizes.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// A metric (position in `Metrics`) and its numbers first, first + 1, ... of the step, `size` of them.
struct MetricPlace {
  int metric = 0;
  std::size_t first = 0;
  std::size_t size = 1;
};

struct MetricLayout {
  std::vector<MetricPlace> places;  // one a recorded metric, in their order
  std::size_t values = 0;           // numbers at each recorded step
};

/// Sizes of a run of this width.
[[nodiscard]] inline NetworkSizes sizes_of(const DataSettings& data, int width) {
  return {data.samples, data.test_samples, data.inputs, data.outputs, width};
}

/// metrics: positions in `Metrics`, as RecordSettings has them.
[[nodiscard]] inline MetricLayout values_of(const std::vector<int>& metrics, const NetworkSizes& sizes) {
  MetricLayout layout;
  layout.places.reserve(metrics.size());
  for (const int metric : metrics) {
    const auto size = static_cast<std::size_t>(size_of(metric, sizes));
    layout.places.push_back({metric, layout.values, size});
    layout.values += size;
  }
  return layout;
}

}  // namespace fasweep
