// Activations psi. To add one: write its struct into a file of this folder, add it to `Activations` and to the oracle
// (reference/plain_formulas.cpp; CONTRIBUTING.md has an example); the job grammar, help, backends, file
// attributes and typed tests follow. The functions are templates over float, double and the backends' vector types, on
// host and device.
#pragma once

#include "model/activation/erf.hpp"
#include "model/activation/gelu.hpp"
#include "model/activation/linear.hpp"
#include "model/activation/relu.hpp"
#include "model/activation/sigmoid.hpp"
#include "model/activation/softplus.hpp"
#include "model/activation/tanh.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each activation has
//   name: as written in a job file;
//   step_size: eta > 0, the default of `training.step-size`; for linear, relu and tanh that of the paper's synthetic
//     experiment (section 5);
//   value(z): psi(z), elementwise. A number that is not finite may give anything; not a number stays so;
//   derivative(z, h): psi'(z), given h = psi(z) too. ReLU'(0) = 0. Finite at (0, psi(0)): hidden units that only fill
//     a vector have weights 0 and go through it like the others;
//   derivative_needs_input: whether derivative() looks at z. Where it does not, solvers keep h alone and may pass
//     anything as z;
//   is_cheap: whether computing value(z) again costs less than keeping it;
//   derivative_is_zero_or_one: and not always one, which lets a solver add instead of multiply. derivative() must then
//     also compile for the CPU's LaneTest (backend/cpu/pack.hpp), which knows is_positive() alone.

/// New ones go to the end: positions are stored in result files.
using Activations = TypeList<Linear, Relu, Tanh, Sigmoid, Softplus, Gelu, Erf>;

/// Whether the derivative of the activation at position `activation` looks at z.
[[nodiscard]] inline bool derivative_needs_input(int activation) {
  return Activations::visit(activation, [](auto type) { return decltype(type)::type::derivative_needs_input; });
}

}  // namespace fasweep
