// Trains on one CPU core: picks the solver of each run and runs it in the job's precision.
#pragma once

#include <memory>

#include "train/trainer.hpp"

namespace fasweep {

[[nodiscard]] std::unique_ptr<Trainer> make_cpu_trainer();

}  // namespace fasweep
