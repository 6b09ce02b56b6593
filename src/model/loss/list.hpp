// Losses of one sample with outputs f and targets y, and the error e = prediction - y that flows back. To add one:
// write its struct into a file of this folder, add it to `Losses` and its position to LossFunction.
#pragma once

#include "model/loss/cross_entropy.hpp"
#include "model/loss/squared.hpp"
#include "util/type_list.hpp"

namespace fasweep {

using Losses = TypeList<SquaredLoss, CrossEntropyLoss>;

/// Positions in `Losses`.
enum class LossFunction { squared, cross_entropy };
static_assert(static_cast<int>(LossFunction::squared) == Losses::index_of<SquaredLoss>() &&
              static_cast<int>(LossFunction::cross_entropy) == Losses::index_of<CrossEntropyLoss>() &&
              Losses::size == 2);

}  // namespace fasweep
