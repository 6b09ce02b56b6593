#include "model/rule/list.hpp"

#include <gtest/gtest.h>

namespace fasweep {
namespace {

template <class List>
struct TestTypes;
template <class... Types>
struct TestTypes<TypeList<Types...>> {
  using List = ::testing::Types<Types...>;
};

template <class Rule>
class EveryRule : public ::testing::Test {};
TYPED_TEST_SUITE(EveryRule, TestTypes<Rules>::List, );

TYPED_TEST(EveryRule, FeedbackOfNothingIsNothing) {
  EXPECT_EQ(TypeParam::feedback(0.0, 0.0), 0.0);
  EXPECT_EQ(TypeParam::feedback(0.0F, 0.0F), 0.0F);
}

TYPED_TEST(EveryRule, LinearFeedbackIsLinearAndHomogeneous) {
  if (TypeParam::feedback_is_linear) {
    const double whole = TypeParam::feedback(3.0 * 0.5 - 2.0, 3.0 * 0.25 + 4.0);

    EXPECT_DOUBLE_EQ(whole, 3 * TypeParam::feedback(0.5, 0.25) + TypeParam::feedback(-2.0, 4.0));
  }
}

TYPED_TEST(EveryRule, IsChosenByItsPosition) {
  EXPECT_EQ(feedback_of(Rules{}, Rules::index_of<TypeParam>(), 0.5, 0.25), TypeParam::feedback(0.5, 0.25));
}

}  // namespace
}  // namespace fasweep
