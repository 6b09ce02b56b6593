// Where the numbers of each recorded metric lie among those of one recorded step.
#pragma once

#include <algorithm>
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

/// What has room for both, of the same metrics; `all` may be empty. Metrics that share a dimension have its size.
[[nodiscard]] inline MetricLayout widen(MetricLayout all, const MetricLayout& more) {
  all.places.resize(more.places.size());
  all.values = 0;
  for (std::size_t i = 0; i < all.places.size(); ++i) {
    MetricPlace& place = all.places[i];
    place.metric = more.places[i].metric;
    for (const MetricPlace& other : more.places) {
      if (dimension_of(other.metric) == dimension_of(place.metric)) {
        place.size = std::max(place.size, other.size);
      }
    }
    place.first = all.values;
    all.values += place.size;
  }
  return all;
}

}  // namespace fasweep
