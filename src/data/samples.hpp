// Samples as they stand in a file, dense, before a Dataset is made of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/run_spec.hpp"

namespace fasweep {

/// Number: std::uint8_t for pixels, double for tables. Row-major.
template <class Number>
struct Samples {
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  std::int64_t targets = 0;  // numbers of y in a row
  std::vector<Number> x;     // rows x inputs, finite
  std::vector<double> y;     // rows x targets, finite; labels are whole numbers
  std::string origin;        // where y came from, for messages

  // What users are told of how it was read.
  std::string reading = {};                   // "target 'label' (column 1)"; empty where nothing was to be understood
  std::vector<std::string> doubts = {};       // about what was read, each a sentence without its end
  std::vector<std::string> input_names = {};  // as the file has them; empty: it has none
};

}  // namespace fasweep
