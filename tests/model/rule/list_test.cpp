#include "model/rule/list.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "support/test_types.hpp"

namespace fasweep {
namespace {

template <class Rule>
class EveryRule : public ::testing::Test {};
TYPED_TEST_SUITE(EveryRule, testing::TestTypes<Rules>::List, );

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

TYPED_TEST(EveryRule, StepsAddUp) {
  Readout<double> whole{0.5, -0.75};
  Readout<double> parts = whole;

  TypeParam::step(whole, 1.5 + -4.0, 0.9, 0.01);
  TypeParam::step(parts, 1.5, 0.9, 0.01);
  TypeParam::step(parts, -4.0, 1.0, 0.01);

  EXPECT_NEAR(parts.beta, whole.beta, 1e-16);
  EXPECT_NEAR(parts.b, whole.b, 1e-16);
}

TYPED_TEST(EveryRule, NothingLearnsNothing) {
  Readout<float> nothing{0, 0};

  TypeParam::step(nothing, 0.0F, 0.9F, 0.01F);

  EXPECT_EQ(nothing.beta, 0.0F);
  EXPECT_EQ(nothing.b, 0.0F);
}

TYPED_TEST(EveryRule, KeepsItsTraits) {
  Readout<double> readout{0.5, -0.75};
  TypeParam::step(readout, 1.5, 0.9, 0.01);

  EXPECT_EQ(readout.b != -0.75, TypeParam::learns_feedback && !TypeParam::adapts_feedback && !TypeParam::mirrors &&
                                    !TypeParam::propagates_targets);
  EXPECT_TRUE(TypeParam::learns_feedback || !TypeParam::adapts_feedback);
  EXPECT_EQ(TypeParam::teaching(0.5, 0.25) == 0.5 && TypeParam::teaching(-2.0, 1.0) == -2.0, TypeParam::error_teaches);
  EXPECT_EQ(learns_feedback(Rules::index_of<TypeParam>()), TypeParam::learns_feedback);
  EXPECT_EQ(error_teaches(Rules::index_of<TypeParam>()), TypeParam::error_teaches);
}

TYPED_TEST(EveryRule, StepsAsWhatComputesIt) {
  Readout<double> ours{0.5, -0.75};
  Readout<double> theirs = ours;

  take_step(ComputedRules{}, computed_rule(Rules::index_of<TypeParam>()), ours, 1.5, 0.9, 0.01);
  TypeParam::step(theirs, 1.5, 0.9, 0.01);

  EXPECT_EQ(ours.beta, theirs.beta);
  EXPECT_EQ(ours.b, theirs.b);
}

TEST(KolenPollackRule, DifferenceOfForwardAndFeedbackWeightsDecays) {
  Readout<double> readout{1.25, -0.75};
  double decayed = 2;
  for (int t = 0; t < 100; ++t) {
    const double decay = 1 - 0.01 * std::pow(0.99, t);
    KolenPollack::step(readout, std::sin(t), decay, 0.05);
    decayed *= decay;
    EXPECT_NEAR(readout.beta - readout.b, decayed, 1e-14) << t;  // a rounding of 1e-16 a step
  }
}

TEST(DirectRandomTargetProjectionRule, TargetAloneTeaches) {
  EXPECT_EQ(DirectRandomTargetProjection::teaching(3.0, 0.5), -0.5);
}

TYPED_TEST(EveryRule, IsTaughtAsWhatComputesIt) {
  const int rule = computed_rule(Rules::index_of<TypeParam>());

  EXPECT_EQ(feedback_of(ComputedRules{}, rule, 0.5, 0.25), TypeParam::feedback(0.5, 0.25));
  visit_computed_rule(Rules::index_of<TypeParam>(), []<class Computed>(std::type_identity<Computed>) {
    EXPECT_EQ(Computed::learns_feedback, TypeParam::learns_feedback);
    EXPECT_EQ(Computed::feedback_is_linear, TypeParam::feedback_is_linear);
    EXPECT_EQ(Computed::teaching(0.5, 0.25), TypeParam::teaching(0.5, 0.25));
  });
}

TYPED_TEST(EveryRule, SaysWhatItSendsBack) {
  const SentBack back = sent_back(Rules::index_of<TypeParam>());
  const double v = TypeParam::feedback(-0.75, 0.5);

  EXPECT_EQ(back == SentBack::nothing, v == 0);
  EXPECT_EQ(back == SentBack::feedback, v == -0.75);
  EXPECT_EQ(back == SentBack::output, v == 0.5);
  EXPECT_EQ(back == SentBack::signs, v == 1);
}

TEST(SignSymmetryRules, SendBackTheSignsOfBeta) {
  EXPECT_EQ(SignSymmetry::feedback(-0.25, 3.0), 1);
  EXPECT_EQ(SignSymmetry::feedback(-0.25, -3.0), -1);
  EXPECT_EQ(SignSymmetry::feedback(-0.25, 0.0), 0);
  EXPECT_EQ(FixedSignSymmetry::feedback(-0.25, 3.0), 0.25);
  EXPECT_EQ(FixedSignSymmetry::feedback(-0.25, -3.0), -0.25);
  EXPECT_EQ(RedrawnSignSymmetry::feedback(0.25, -3.0), -0.25);
}

TEST(HebbianRules, TakeTheirFormulas) {
  EXPECT_EQ(ErrorModulatedHebb::hebbian(0.25, 3.0), 0.75);
  EXPECT_EQ(Oja::hebbian(0.25, 3.0), 3);
  EXPECT_EQ(SejnowskiTesauro::hebbian(0.25, 3.0), 3);
  EXPECT_EQ(adapt(0.5, 3.0, 2.0, 0.1), 0.5 + 0.1 * (3 - 2 * 0.5));
}

TEST(DirectFeedbackAlignmentRule, AddsNothingToWhatIsCompiled) {
  EXPECT_FALSE(ComputedRules::find(DirectFeedbackAlignment::name));
  EXPECT_EQ(computed_rule(Rules::index_of<DirectFeedbackAlignment>()), ComputedRules::index_of<FeedbackAlignment>());
}

}  // namespace
}  // namespace fasweep
