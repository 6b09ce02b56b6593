// When the errors of a step are what teaches the hidden layers in it, as the theory of the paper takes for granted.
#pragma once

#include "model/rule/list.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

[[nodiscard]] inline bool is_taught_by_error(const TrainingSettings& training, int rule) {
  return error_teaches(rule) && training.error_delay == 0;
}

}  // namespace fasweep
