// Losses of one sample with outputs f and targets y, and the error e = prediction - y that flows back. To add one:
// write its struct into a file of this folder, add it to `Losses` and its position to LossFunction, and its formula to
// the oracle (reference/plain_formulas.cpp). GPUs leave it to the CPU until their kernels know it
// (backend/cuda/device_plan.cpp).
#pragma once

#include <string_view>

#include "model/loss/binary_cross_entropy.hpp"
#include "model/loss/cross_entropy.hpp"
#include "model/loss/squared.hpp"
#include "util/enum_names.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each loss has
//   name               as written in a job file;
//   needs_classes      whether the targets must be classes, one-hot;
//   shared(f)          a number that the outputs of a sample have in common, computed once. f: a vector of float or
//                      double with size() and [];
//   take_errors(f, y, shared, e)   e = prediction - y of a sample, which must be what dL/df is, with all its digits
//                      where it is small too. y, e: vectors like f, of the same numbers;
//   part(f, y, shared)      what one output adds to the loss of its sample;
//   is_half_square     whether the loss is 1/2 sum_c e_c^2: solvers have that sum already and then take no part().

using Losses = TypeList<SquaredLoss, CrossEntropyLoss, BinaryCrossEntropyLoss>;

/// Positions in `Losses`.
enum class LossFunction : int { squared, cross_entropy, binary_cross_entropy };
static_assert(static_cast<int>(LossFunction::squared) == Losses::index_of<SquaredLoss>() &&
              static_cast<int>(LossFunction::cross_entropy) == Losses::index_of<CrossEntropyLoss>() &&
              static_cast<int>(LossFunction::binary_cross_entropy) == Losses::index_of<BinaryCrossEntropyLoss>());

inline constexpr auto loss_function_names = Losses::names;
static_assert(names_cover<LossFunction>(loss_function_names));

/// Calls `visitor(std::type_identity<Loss>{})` for the loss and returns its result.
template <class Visitor>
decltype(auto) visit_loss(LossFunction loss, Visitor&& visitor) {
  return Losses::visit(static_cast<int>(loss), visitor);
}

}  // namespace fasweep
