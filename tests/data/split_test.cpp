#include "data/split.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

/// As iris has them: 50 of each class, in order.
std::vector<double> sorted_labels() {
  std::vector<double> labels;
  for (const double label : {0, 1, 2}) {
    labels.insert(labels.end(), 50, label);
  }
  return labels;
}

std::map<double, int> classes_of(const std::vector<std::int64_t>& order, std::size_t first, std::size_t end) {
  std::map<double, int> count;
  for (std::size_t i = first; i < end; ++i) {
    ++count[sorted_labels()[static_cast<std::size_t>(order[i])]];
  }
  return count;
}

TEST(Split, EveryOrderHasEachSampleOnce) {
  std::vector<std::int64_t> all(150);
  std::iota(all.begin(), all.end(), 0);
  for (const SplitLaw law : {SplitLaw::shuffled, SplitLaw::stratified}) {
    std::vector<std::int64_t> order = draw_order({law, 3}, sorted_labels());
    EXPECT_NE(order, all);
    std::sort(order.begin(), order.end());
    EXPECT_THAT(order, ElementsAreArray(all));
  }
}

TEST(Split, SeedDecidesTheOrder) {
  EXPECT_EQ(draw_order({SplitLaw::shuffled, 3}, sorted_labels()), draw_order({SplitLaw::shuffled, 3}, sorted_labels()));
  EXPECT_NE(draw_order({SplitLaw::shuffled, 3}, sorted_labels()), draw_order({SplitLaw::shuffled, 4}, sorted_labels()));
}

/// Results of a job with a split depend on it for all time.
TEST(Split, OrderOfASeedIsTheSameForAllTime) {
  const std::vector<double> labels{0, 0, 0, 0, 1, 1};
  EXPECT_THAT(draw_order({SplitLaw::shuffled, 7}, labels), ElementsAre(3, 0, 4, 2, 5, 1));
  EXPECT_THAT(draw_order({SplitLaw::stratified, 7}, labels), ElementsAre(3, 4, 0, 2, 5, 1));
}

TEST(Split, StratifiedKeepsTheShareOfEachClassInEveryPart) {
  const std::vector<std::int64_t> order = draw_order({SplitLaw::stratified, 0}, sorted_labels());
  for (std::size_t size = 1; size <= order.size(); ++size) {
    for (const auto& [label, count] : classes_of(order, 0, size)) {
      EXPECT_NEAR(count, static_cast<double>(size) / 3, 1) << size;
    }
    for (const auto& [label, count] : classes_of(order, order.size() - size, order.size())) {
      EXPECT_NEAR(count, static_cast<double>(size) / 3, 1) << size;
    }
  }
}

TEST(Split, NumbersHaveNoClassesToKeep) {
  DataSettings settings;
  settings.targets = Targets::numbers;
  settings.split = {SplitLaw::stratified, 2};
  const Samples<double> samples{2, 1, 1, {1, 2}, {3, 4}, "table"};
  EXPECT_THAT(testing::refusal([&] { return put_in_order(settings, samples); }), HasSubstr("shuffled(2)"));
}

TEST(Split, InputsAndTargetsGoTogether) {
  DataSettings settings;
  settings.split = {SplitLaw::shuffled, 2};
  const Samples<double> samples{3, 2, 1, {1, 10, 2, 20, 3, 30}, {100, 200, 300}, "table"};

  const Samples<double> mixed = put_in_order(settings, samples);

  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(mixed.x[2 * i] * 100, mixed.y[i]);
    EXPECT_EQ(mixed.x[2 * i + 1] * 10, mixed.y[i]);
  }
}

}  // namespace
}  // namespace fasweep
