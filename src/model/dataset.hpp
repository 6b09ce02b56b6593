// A data set as it was read from files: inputs by their non-zeros, how they are normalised, and targets. Read once on a
// node, shared by the worker threads of all its ranks, never changed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "util/shared_array.hpp"

namespace fasweep {

/// Rows are samples, training samples first. With r = raw, input j of row i is r_ij * scale_j - shift_j: a zero of the
/// raw data costs nothing, since X W^T = (raw S) W^T - 1 (W shift)^T.
struct Dataset {
  int samples = 0;          // training samples
  int test_samples = 0;     // rows after them
  int inputs = 0;           // d
  int outputs = 0;          // k: targets of a row, or classes
  bool is_classes = false;  // targets are one-hot
  // Raw inputs in compressed rows: the non-zeros of row i are at row_begin[i] .. row_begin[i + 1] - 1, columns
  // increasing.
  SharedArray<std::int64_t> row_begin;  // samples + test_samples + 1
  SharedArray<std::int32_t> column;
  SharedArray<double> raw;
  SharedArray<double> scale;   // inputs; finite, never 0
  SharedArray<double> shift;   // inputs
  SharedArray<double> y;       // (samples + test_samples) x outputs, row-major
  std::uint32_t checksum = 0;  // CRC32C of all of the above: two ranks or two starts that differ in it differ in data

  /// Normalised input of a raw one, of column j.
  [[nodiscard]] double normalized(double raw_input, std::size_t j) const { return raw_input * scale[j] - shift[j]; }

  /// Normalised inputs of one row into `out`, inputs of them.
  template <class Number>
  void expand_row(std::int64_t row, Number* out) const {
    for (std::size_t j = 0; j < static_cast<std::size_t>(inputs); ++j) {
      out[j] = static_cast<Number>(-shift[j]);
    }
    const auto end = static_cast<std::size_t>(row_begin[static_cast<std::size_t>(row) + 1]);
    for (auto at = static_cast<std::size_t>(row_begin[static_cast<std::size_t>(row)]); at < end; ++at) {
      out[column[at]] = static_cast<Number>(normalized(raw[at], static_cast<std::size_t>(column[at])));
    }
  }

  /// Visits the arrays of `dataset`, const or not, always in the same order.
  template <class Self, class Visit>
  static void for_each_array(Self& dataset, Visit visit) {
    visit(dataset.row_begin);
    visit(dataset.column);
    visit(dataset.raw);
    visit(dataset.scale);
    visit(dataset.shift);
    visit(dataset.y);
  }
};

/// The compressed rows of a Dataset while they are made, row by row.
struct GrowingRows {
  std::vector<std::int64_t> row_begin{0};
  std::vector<std::int32_t> column;
  std::vector<double> raw;

  /// A non-zero of the row under way; columns rise.
  void add(int input, double value) {
    column.push_back(input);
    raw.push_back(value);
  }
  void end_row() { row_begin.push_back(static_cast<std::int64_t>(raw.size())); }

  void move_to(Dataset& dataset) {
    dataset.row_begin = std::move(row_begin);
    dataset.column = std::move(column);
    dataset.raw = std::move(raw);
  }
};

/// Non-zeros over entries of the raw inputs, 0..1.
[[nodiscard]] inline double density(const Dataset& dataset) {
  return static_cast<double>(dataset.raw.size()) /
         (static_cast<double>(dataset.samples + dataset.test_samples) * static_cast<double>(dataset.inputs));
}

/// What the set takes of a node's memory, whatever its ranks and their worker threads.
[[nodiscard]] inline std::int64_t memory_bytes(const Dataset& dataset) {
  std::size_t bytes = 0;
  Dataset::for_each_array(dataset, [&](const auto& values) { bytes += values.size() * sizeof values[0]; });
  return static_cast<std::int64_t>(bytes);
}

/// The one of `datasets` with this checksum; nullptr without one, as for a teacher's data.
[[nodiscard]] inline const Dataset* find_dataset(std::span<const Dataset> datasets,
                                                 const std::optional<std::uint32_t>& checksum) {
  const auto found = std::find_if(datasets.begin(), datasets.end(),
                                  [&](const Dataset& dataset) { return dataset.checksum == checksum; });
  return found == datasets.end() ? nullptr : &*found;
}

/// Data sets with a smaller share of non-zeros are multiplied by them where they are; from there on a dense copy is
/// faster (tests/bench/README.md, classification_bench).
inline constexpr double sparse_density = 0.7;

}  // namespace fasweep
