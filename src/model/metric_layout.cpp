#include "model/metric_layout.hpp"

#include <algorithm>

#include "model/metric/list.hpp"

namespace fasweep {

MetricLayout values_of(const std::vector<int>& metrics, const NetworkSizes& sizes) {
  MetricLayout layout;
  layout.places.reserve(metrics.size());
  for (const int metric : metrics) {
    const auto size = static_cast<std::size_t>(size_of(metric, sizes));
    layout.places.push_back({metric, layout.values, size});
    layout.values += size;
  }
  return layout;
}

MetricLayout widen(MetricLayout all, const MetricLayout& more) {
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
