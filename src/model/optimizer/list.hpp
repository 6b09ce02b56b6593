// Optimizers: what a step descends along in place of the gradient g that the learning rule gives,
//   weight <- (1 - eta lambda) weight - eta direction(g),
// for each weight by itself. The ridge stays beside it ("decoupled", Loshchilov and Hutter 2019) and enters no average.
// To add one: write its struct into a file of this folder, add it to `Optimizers`, and its formula to the oracle
// (reference/plain_formulas.cpp).
#pragma once

#include "model/optimizer/adam.hpp"
#include "model/optimizer/gradient_descent.hpp"
#include "model/optimizer/manhattan.hpp"
#include "model/optimizer/momentum.hpp"
#include "model/optimizer/nesterov.hpp"
#include "model/optimizer/optimizer.hpp"
#include "model/optimizer/rmsprop.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each optimizer has
//   name, parameters, values, accepted, valid()   as a schedule has them (model/schedule/list.hpp);
//   moments            how many numbers it keeps for each weight, 0 at the start;
//   at_step<T>(t)      of step t = 0, 1, ...: a function (g, std::array<T, moments>& kept) -> direction, which gives 0
//                      for g = 0 and kept numbers that are 0: units that only fill a vector must not learn.

using Optimizers = TypeList<GradientDescent, MomentumOptimizer, NesterovOptimizer, RmspropOptimizer, AdamOptimizer,
                            ManhattanOptimizer>;

template <class Alternative>
[[nodiscard]] constexpr int position_in_list(OptimizerKind /*kind*/, const Alternative& /*optimizer*/) {
  return Optimizers::index_of<Alternative>();
}

}  // namespace fasweep
