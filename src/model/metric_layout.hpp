// Where the numbers of each recorded metric lie among those of one recorded step.
#pragma once

#include <cstddef>
#include <vector>

#include "model/network_sizes.hpp"
#include "model/run_spec.hpp"
#include "model/teacher.hpp"

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
[[nodiscard]] inline NetworkSizes sizes_of(const DataSettings& data, const TrainingSettings& training, int width) {
  const int batch = takes_minibatches(training, data) ? training.batch_size : data.samples;
  return {data.samples, data.test_samples, data.inputs, data.outputs,
          width,        training.depth,    batch,       teacher_units(data, width)};
}

/// metrics: positions in `Metrics`, as RecordSettings has them.
[[nodiscard]] MetricLayout values_of(const std::vector<int>& metrics, const NetworkSizes& sizes);

/// What has room for both, of the same metrics; `all` may be empty. Metrics that share a dimension have its size.
[[nodiscard]] MetricLayout widen(MetricLayout all, const MetricLayout& more);

}  // namespace fasweep
