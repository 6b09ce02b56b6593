// Laws of initial weights. To add one: write its struct into a file of this folder, add it to `WeightLaws`, and its
// formula to the oracles (tests/model/initial/list_test.cpp, tests/analysis/numpy_reference.py). fill() is called in
// weight_law.cpp alone, which is compiled to have the same bits on every machine (src/model/CMakeLists.txt).
#pragma once

#include "model/initial/gaussian.hpp"
#include "model/initial/low_rank.hpp"
#include "model/initial/orthogonal.hpp"
#include "model/initial/positive.hpp"
#include "model/initial/sparse.hpp"
#include "model/initial/uniform.hpp"
#include "model/initial/variance_scaling.hpp"
#include "model/initial/weight_law.hpp"
#include "model/initial/zero.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each law has
//   name, parameters, values, accepted, valid()   as a schedule has them (model/schedule/list.hpp);
//   meaning                 its formula, for help and documents;
//   is_made_whole           whether rows depend on one another, so that fill() is asked for all of them;
//   has_zero_mean           whether E w = 0;
//   gaussian_variance(fans) if weights are independent and Gaussian;
//   fill(draw, first, rows) rows first, first + 1, ... of a matrix, first even.

using WeightLaws = TypeList<GaussianLaw, GaussianScaledLaw, NormalLaw, UniformLaw, GlorotNormalLaw, GlorotUniformLaw,
                            HeNormalLaw, HeUniformLaw, ZeroLaw, OrthogonalLaw, SparseLaw, LowRankLaw, PositiveLaw>;

template <class Alternative>
[[nodiscard]] constexpr int position_in_list(WeightLawKind /*kind*/, const Alternative& /*law*/) {
  return WeightLaws::index_of<Alternative>();
}

}  // namespace fasweep
