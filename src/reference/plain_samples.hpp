// The fresh samples of a step (model/fresh_samples.hpp) one at a time, straight from the definition of a teacher
// (model/teacher_law.hpp). From the rest of the program it uses the random streams.
#pragma once

#include <cstdint>

#include <Eigen/Dense>

#include "model/run_spec.hpp"

namespace fasweep {

struct PlainSamples {
  Eigen::MatrixXd x;  // samples x inputs
  Eigen::MatrixXd y;  // samples x outputs
};

/// What step `step` of the run trains on.
[[nodiscard]] PlainSamples plain_fresh_samples(const DataSettings& data, const TrainingSettings& training,
                                               const RunSpec& run, std::int64_t step);

}  // namespace fasweep
