// The types of a list as GoogleTest's typed tests take them.
#pragma once

#include <gtest/gtest.h>

#include "util/type_list.hpp"

namespace fasweep::testing {

template <class List>
struct TestTypes;
template <class... Types>
struct TestTypes<TypeList<Types...>> {
  using List = ::testing::Types<Types...>;
};

}  // namespace fasweep::testing
