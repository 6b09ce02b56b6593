#include "data/assemble.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

#include <boost/crc.hpp>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

[[noreturn]] void reject_key(const std::string& key, std::int64_t value, const std::string& why,
                             const std::string& accepted) {
  throw ConfigError("key '" + key + "' = '" + std::to_string(value) + "' is not accepted (" + why + "); write " +
                    accepted);
}

/// The count that a key asks for, or everything available.
int choose_count(const std::string& key, int wanted, std::int64_t there, const std::string& origin) {
  if (wanted > there) {
    reject_key(key, wanted, "'" + origin + "' has " + std::to_string(there), "all, or a smaller number");
  }
  return wanted == as_in_data ? static_cast<int>(there) : wanted;
}

void check_equal(const std::string& key, int wanted, std::int64_t there, const std::string& origin) {
  if (wanted != as_in_data && wanted != there) {
    reject_key(key, wanted, "'" + origin + "' has " + std::to_string(there), "all, or leave the key out");
  }
}

template <class Number>
void append_rows(const Samples<Number>& samples, std::int64_t rows, GrowingRows& to) {
  const auto columns = static_cast<std::size_t>(samples.inputs);
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    for (std::size_t j = 0; j < columns; ++j) {
      if (const Number value = samples.x[i * columns + j]; value != 0) {
        to.add(static_cast<int>(j), static_cast<double>(value));
      }
    }
    to.end_row();
  }
}

/// Checks labels as they were read: whole numbers from 0 below `classes`. y has one number a row.
template <class Number>
void check_labels(const Samples<Number>& samples, std::int64_t rows, std::int64_t classes) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const double label = samples.y[static_cast<std::size_t>(i)];
    if (!(label >= 0 && label < static_cast<double>(classes)) || label != std::floor(label)) {
      throw ConfigError(
          "label " + format_real(label) + " of sample " + std::to_string(i + 1) + " in '" + samples.origin +
          "' is not accepted (no such class); classes are 0.." + std::to_string(classes - 1) + ", " +
          (std::is_same_v<Number, std::uint8_t> ? "or set data.source = idx for images of other classes"
                                                : "or write data.targets = numbers for a table to regress on"));
    }
  }
}

/// Classes of labels that were checked: those the set has by name, those the job says, or those that appear.
template <class Number>
int count_classes(const DataSettings& settings, const Samples<Number>& train, const Samples<Number>& test,
                  int known_classes) {
  if (train.targets != 1) {
    throw ConfigError(
        "'" + train.origin + "' has " + std::to_string(train.targets) +
        " targets a sample (a class is one label); write data.targets = numbers, or one column of labels");
  }
  const std::int64_t most = known_classes > 0                ? known_classes
                            : settings.outputs == as_in_data ? max_outputs
                                                             : settings.outputs;
  check_labels(train, train.rows, most);
  check_labels(test, test.rows, most);
  if (known_classes > 0) {
    check_equal("data.outputs", settings.outputs, known_classes, train.origin);
    return known_classes;
  }
  if (settings.outputs != as_in_data) {
    return settings.outputs;
  }
  double largest = 1;
  for (const Samples<Number>* samples : {&train, &test}) {
    for (const double label : samples->y) {
      largest = std::max(largest, label);
    }
  }
  return static_cast<int>(largest) + 1;
}

template <class Number>
void append_targets(const Samples<Number>& samples, std::int64_t rows, const Dataset& dataset, std::vector<double>& y) {
  const auto outputs = static_cast<std::size_t>(dataset.outputs);
  if (!dataset.is_classes) {
    y.insert(y.end(), samples.y.begin(), samples.y.begin() + rows * samples.targets);
    return;
  }
  const std::size_t first = y.size();
  y.resize(first + static_cast<std::size_t>(rows) * outputs);
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    y[first + i * outputs + static_cast<std::size_t>(samples.y[i])] = 1;
  }
}

/// Moments of raw values, including zeros.
struct Moments {
  double mean = 0;
  double deviation = 0;  // 0 only if all values are the same
};

/// Sums of raw values over the training samples, one for each group: an input, or all inputs together.
class GroupedValues {
 public:
  GroupedValues(const Dataset& dataset, Normalize normalize)
      : dataset_(dataset),
        groups_(normalize == Normalize::per_input ? static_cast<std::size_t>(dataset.inputs) : 1),
        group_size_(static_cast<double>(dataset.samples) * (groups_ == 1 ? static_cast<double>(dataset.inputs) : 1.0)) {
  }

  [[nodiscard]] std::vector<Moments> moments() const {
    std::vector<double> count(groups_, 0.0);
    std::vector<Moments> moments(groups_);
    std::vector<double> least(groups_, std::numeric_limits<double>::infinity());
    std::vector<double> most(groups_, -std::numeric_limits<double>::infinity());
    for_each([&](std::size_t group, double value) {
      ++count[group];
      moments[group].mean += value;
      least[group] = std::min(least[group], value);
      most[group] = std::max(most[group], value);
    });
    for (Moments& group : moments) {
      group.mean /= group_size_;
    }
    for_each([&](std::size_t group, double value) {
      moments[group].deviation += (value - moments[group].mean) * (value - moments[group].mean);
    });
    for (std::size_t g = 0; g < groups_; ++g) {
      // Decided by the values themselves: rounding gives the deviation of a constant a meaningless size.
      const bool constant = count[g] == 0 || (count[g] == group_size_ && least[g] == most[g]);
      const double zeros = group_size_ - count[g];
      const double square = moments[g].deviation + zeros * moments[g].mean * moments[g].mean;
      moments[g] = constant ? Moments{count[g] == 0 ? 0 : least[g], 0}
                            : Moments{moments[g].mean, std::sqrt(square / group_size_)};
    }
    return moments;
  }

 private:
  template <class Visit>
  void for_each(const Visit& visit) const {
    const auto end = static_cast<std::size_t>(dataset_.row_begin[static_cast<std::size_t>(dataset_.samples)]);
    for (std::size_t i = 0; i < end; ++i) {
      visit(groups_ == 1 ? 0 : static_cast<std::size_t>(dataset_.column[i]), dataset_.raw[i]);
    }
  }

  const Dataset& dataset_;
  std::size_t groups_;
  double group_size_;  // values of each
};

void normalize_inputs(Normalize normalize, double unit, const std::string& origin, Dataset& dataset) {
  const auto inputs = static_cast<std::size_t>(dataset.inputs);
  std::vector<double> scale(inputs, unit);
  std::vector<double> shift(inputs, 0.0);
  if (normalize == Normalize::none) {
    dataset.scale = std::move(scale);
    dataset.shift = std::move(shift);
    return;
  }
  const std::vector<Moments> moments = GroupedValues(dataset, normalize).moments();
  for (std::size_t j = 0; j < inputs; ++j) {
    const Moments& own = moments[moments.size() == 1 ? 0 : j];
    scale[j] = own.deviation > 0 ? 1 / own.deviation : unit;
    shift[j] = own.mean * scale[j];
    if (!std::isfinite(scale[j]) || !std::isfinite(shift[j]) || scale[j] == 0 || !std::isfinite(own.deviation)) {
      throw ConfigError("input " + std::to_string(j + 1) + " of '" + origin +
                        "' cannot be normalised (its mean or deviation is beyond float64); scale the data, or write "
                        "data.normalize = none");
    }
  }
  dataset.scale = std::move(scale);
  dataset.shift = std::move(shift);
}

std::uint32_t checksum(const Dataset& dataset) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // CRC32C
  const std::array<std::int64_t, 5> counts{dataset.samples, dataset.test_samples, dataset.inputs, dataset.outputs,
                                           dataset.is_classes ? 1 : 0};
  crc.process_bytes(counts.data(), sizeof counts);
  Dataset::for_each_array(
      dataset, [&](const auto& values) { crc.process_bytes(values.data(), values.size() * sizeof values[0]); });
  return crc.checksum();
}

}  // namespace

template <class Number>
Dataset assemble(const DataSettings& settings, const Samples<Number>& train, const Samples<Number>& test,
                 const SetTraits& traits) {
  Dataset dataset;
  check_equal("data.d", settings.inputs, train.inputs, train.origin);
  dataset.samples = choose_count("data.n", settings.samples, train.rows, train.origin);
  dataset.test_samples = choose_count("data.test-n", settings.test_samples, test.rows, test.origin);
  dataset.inputs = static_cast<int>(train.inputs);
  dataset.is_classes = settings.targets == Targets::classes;
  if (dataset.is_classes) {
    dataset.outputs = count_classes(settings, train, test, traits.classes);
  } else {
    check_equal("data.outputs", settings.outputs, train.targets, train.origin);
    dataset.outputs = static_cast<int>(train.targets);
  }
  GrowingRows rows;
  append_rows(train, dataset.samples, rows);
  append_rows(test, dataset.test_samples, rows);
  rows.move_to(dataset);
  std::vector<double> y;
  append_targets(train, dataset.samples, dataset, y);
  append_targets(test, dataset.test_samples, dataset, y);
  dataset.y = std::move(y);
  normalize_inputs(settings.normalize, traits.unit, train.origin, dataset);
  dataset.checksum = checksum(dataset);
  return dataset;
}

template Dataset assemble(const DataSettings&, const Samples<std::uint8_t>&, const Samples<std::uint8_t>&,
                          const SetTraits&);
template Dataset assemble(const DataSettings&, const Samples<double>&, const Samples<double>&, const SetTraits&);

}  // namespace fasweep
