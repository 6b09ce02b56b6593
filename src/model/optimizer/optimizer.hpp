// How a step descends, as settings hold it.
#pragma once

#include "model/choice.hpp"

namespace fasweep {

struct OptimizerKind {};
using Optimizer = Choice<OptimizerKind>;

/// Whether steps go along the gradient itself.
[[nodiscard]] bool is_sgd(const Optimizer& optimizer);

}  // namespace fasweep
