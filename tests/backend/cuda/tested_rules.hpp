// Rules that tests of whole trainings on a GPU go through.
#pragma once

#include <array>

#include "model/rule/list.hpp"

namespace fasweep::testing {

/// Of the rules that the kernels take, one that sends back b, one beta, one what is made of both: emulation is slow.
/// The kernels' own tests and the self-test's checksums go through all.
inline constexpr std::array tested_rules{Rules::index_of<FeedbackAlignment>(), Rules::index_of<Backprop>(),
                                         Rules::index_of<FixedSignSymmetry>()};

}  // namespace fasweep::testing
