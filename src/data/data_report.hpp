// What users are told of a data set: one line on how it was read, and what is doubtful about it.
#pragma once

#include <string>
#include <vector>

#include "data/samples.hpp"
#include "model/dataset.hpp"

namespace fasweep {

struct DataReport {
  std::string understood;             // one line
  std::vector<std::string> warnings;  // a line each
};

/// place: of the data, as the job calls it. reading: how a file was understood, empty where it is what it is.
[[nodiscard]] DataReport describe(const Dataset& dataset, const std::string& place, const std::string& reading);

/// Adds a warning for each of the doubts about the data at `place`.
void warn(DataReport& report, const std::string& place, const std::vector<std::string>& doubts);

/// Inputs of a table that look as if they were none, each a sentence: one that numbers the samples, one that repeats a
/// target. samples: in the order of their file.
[[nodiscard]] std::vector<std::string> doubtful_inputs(const Samples<double>& samples);

}  // namespace fasweep
