#include "backend/cuda/resident_plan.hpp"

#include <gtest/gtest.h>

#include "model/schedule/list.hpp"

namespace fasweep {
namespace {

constexpr int h100_shared_bytes = 227 * 1024;

ResidentBatch measure(const BatchShape& shape, int shared_bytes = h100_shared_bytes, int compute_capability = 90) {
  return measure_resident(shape, shared_bytes, compute_capability).value();
}

TEST(ResidentPlan, ThePapersWidthsStayOnChipInAsFewBlocksAsHoldThem) {
  struct Row {
    int width, blocks, warps;
  };
  for (const Row& row : {Row{200, 1, 4}, {800, 1, 8}, {1600, 2, 8}, {3200, 4, 8}, {12800, 16, 8}}) {
    const ResidentBatch batch = measure({50, 50, row.width});
    EXPECT_EQ(batch.blocks, row.blocks) << row.width;
    EXPECT_EQ(batch.warps, row.warps) << row.width << ": at 200, two blocks share a multiprocessor";
    EXPECT_TRUE(batch.z_on_chip && batch.gram_on_chip && batch.factor_on_chip);
    EXPECT_LE(kernels::resident_layout(batch).bytes, h100_shared_bytes);
  }
}

TEST(ResidentPlan, EveryUnitAndSampleHasAPlace) {
  for (const int rows : {1, 50, 56, 57, 128, 129, 256}) {
    for (const int width : {1, 16, 17, 5000, 100000}) {
      const ResidentBatch batch = measure({rows, rows, width});
      EXPECT_GE(batch.depth_tiles * resident_depth, rows);
      EXPECT_GE(batch.column_tiles * resident_columns, rows);
      EXPECT_GE(batch.blocks * batch.tiles_a_block * resident_units, width);
      EXPECT_LT((batch.blocks - 1) * batch.tiles_a_block * resident_units, width) << "no block is idle";
      EXPECT_LE(kernels::resident_layout(batch).bytes, h100_shared_bytes);
    }
  }
}

TEST(ResidentPlan, WithoutClustersARunIsABlockAndWithoutTensorCoresNothing) {
  const ResidentBatch a100 = measure({50, 50, 3200}, 163 * 1024, 80);
  EXPECT_EQ(a100.blocks, 1);
  EXPECT_FALSE(a100.z_on_chip) << "too wide for one block";
  EXPECT_FALSE(measure_resident({50, 50, 200}, 64 * 1024, 75));
  EXPECT_FALSE(measure_resident({257, 257, 200}, h100_shared_bytes, 90)) << "more rows than kernels take";
}

TEST(ResidentPlan, LongSchedulesThatChangeAreNotForIt) {
  TrainingSettings training;
  training.max_steps = 1'000'000'000;
  EXPECT_TRUE(is_for_resident(training));
  training.schedule = ExponentialSchedule{{0.99}};
  EXPECT_FALSE(is_for_resident(training));
  training.max_steps = 20000;
  EXPECT_TRUE(is_for_resident(training));
}

}  // namespace
}  // namespace fasweep
