#include "model/batch_order.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

namespace fasweep {
namespace {

struct OrderCase {
  TrainingSettings training;
  DataSettings data;
  RunSpec run{0, 30, 0, 0, 0, 5};

  OrderCase(int samples, int batch) {
    data.samples = samples;
    training.batch_size = batch;
  }
  [[nodiscard]] BatchOrder order() const { return {training, data, run}; }
};

std::vector<std::int32_t> copy(std::span<const std::int32_t> rows) {
  return {rows.begin(), rows.end()};
}

std::vector<std::int32_t> epoch_of(BatchOrder& order, std::int64_t epoch, std::int64_t steps) {
  std::vector<std::int32_t> all;
  for (std::int64_t step = epoch * steps; step < (epoch + 1) * steps; ++step) {
    const auto rows = order.rows(step);
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

TEST(BatchOrder, EveryEpochVisitsEverySampleOnceInAFreshOrder) {
  const OrderCase c(23, 5);
  ASSERT_EQ(steps_an_epoch(c.training, c.data), 5);
  BatchOrder order = c.order();
  std::vector<std::int32_t> everyone(23);
  std::iota(everyone.begin(), everyone.end(), 0);
  std::vector<std::int32_t> before = everyone;
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    std::vector<std::int32_t> now = epoch_of(order, epoch, 5);
    EXPECT_NE(now, before);
    before = now;
    std::sort(now.begin(), now.end());
    EXPECT_EQ(now, everyone);
  }
  EXPECT_EQ(order.rows(4).size(), 3U) << "the last batch has the rest";
}

TEST(BatchOrder, TakesTheDatasOrderAndDropsWhatIsLeftOver) {
  OrderCase c(23, 5);
  c.training.sample_order = SampleOrder::unshuffled;
  c.training.last_batch = LastBatch::dropped;
  ASSERT_EQ(steps_an_epoch(c.training, c.data), 4);
  BatchOrder order = c.order();
  std::vector<std::int32_t> first(20);
  std::iota(first.begin(), first.end(), 0);
  EXPECT_EQ(epoch_of(order, 0, 4), first);
  EXPECT_EQ(epoch_of(order, 3, 4), first);

  c.training.last_batch = LastBatch::kept;
  ASSERT_EQ(steps_an_epoch(c.training, c.data), 5);
  first.insert(first.end(), {20, 21, 22});
  BatchOrder whole = c.order();
  EXPECT_EQ(epoch_of(whole, 1, 5), first);
}

TEST(BatchOrder, DroppedSamplesAreOthersInEveryEpoch) {
  OrderCase c(8, 5);
  c.training.last_batch = LastBatch::dropped;
  ASSERT_EQ(steps_an_epoch(c.training, c.data), 1);
  BatchOrder order = c.order();
  EXPECT_EQ(order.rows(0).size(), 5U);
  EXPECT_NE(epoch_of(order, 0, 1), epoch_of(order, 1, 1));
}

TEST(BatchOrder, AnyStepsBatchIsFoundWithoutTheStepsBefore) {
  const OrderCase c(23, 5);
  BatchOrder walked = c.order();
  for (std::int64_t step = 0; step < 30; ++step) {
    const std::vector<std::int32_t> rows = copy(walked.rows(step));
    EXPECT_EQ(copy(c.order().rows(step)), rows) << step;
  }
}

TEST(BatchOrder, DependsOnTheSeedAlone) {
  OrderCase c(23, 5);
  const std::vector<std::int32_t> rows = copy(c.order().rows(7));
  c.run.ridge = 3;
  c.run.activation = 1;
  c.run.rule = 1;
  EXPECT_EQ(copy(c.order().rows(7)), rows);
  c.run.seed = 6;
  EXPECT_NE(copy(c.order().rows(7)), rows);
}

TEST(BatchOrder, FullBatchKeepsTheSamplesOrder) {
  for (const int batch : {0, 4}) {
    const OrderCase c(4, batch);
    EXPECT_EQ(steps_an_epoch(c.training, c.data), 1);
    EXPECT_EQ(copy(c.order().rows(9)), (std::vector<std::int32_t>{0, 1, 2, 3}));
  }
}

TEST(BatchOrder, ShufflesUniformly) {
  // How often sample 0 is the first of 4 in 4000 epochs: binomial with a quarter, deviation 27.4; five of them.
  const OrderCase c(4, 1);
  BatchOrder order = c.order();
  int first = 0;
  for (std::int64_t epoch = 0; epoch < 4000; ++epoch) {
    first += order.rows(4 * epoch)[0] == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 1000, 137);
}

}  // namespace
}  // namespace fasweep
