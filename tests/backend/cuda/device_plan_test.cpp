#include "backend/cuda/device_plan.hpp"

#include <gtest/gtest.h>

#include "backend/cuda/device_batch.hpp"
#include "backend/cuda/sample_space_arguments.hpp"

namespace fasweep {
namespace {

TEST(DevicePlan, RanksOfANodeShareItsDevicesInTurn) {
  struct Row {
    int local_rank, local_ranks, devices;
    std::vector<int> expected;
  };
  const std::vector<Row> table{
      {0, 1, 0, {}},     {3, 4, 0, {}},                                               // no device
      {0, 1, 1, {0}},    {0, 1, 4, {0, 1, 2, 3}},                                     // alone on the node: all of them
      {0, 2, 4, {0, 2}}, {1, 2, 4, {1, 3}},       {0, 3, 4, {0, 3}}, {2, 3, 4, {2}},  // more devices than ranks
      {3, 4, 4, {3}},    {5, 8, 4, {1}},          {7, 8, 1, {0}},  // as many ranks, or more; or one visible device each
  };
  for (const Row& row : table) {
    EXPECT_EQ(choose_devices(row.local_rank, row.local_ranks, row.devices), row.expected)
        << row.local_rank << " of " << row.local_ranks << ", " << row.devices << " devices";
  }
}

TEST(DevicePlan, RunsFillNineTenthsOfTheMemory) {
  const std::size_t five = batch_bytes(50, 50, 3200, 1, 5);
  EXPECT_EQ(runs_that_fit(five * 10 / 9 + 100, 50, 50, 3200, 8), 5);
  EXPECT_EQ(runs_that_fit(five, 50, 50, 3200, 8), 4);
  EXPECT_EQ(runs_that_fit(five * 100, 50, 50, 3200, 8), 8);
  EXPECT_EQ(runs_that_fit(1000, 50, 50, 3200, 8), 0);
}

TEST(DevicePlan, EveryTileIsInOneBlockAndBlocksAreFew) {
  for (const int width : {1, 64, 65, 2048, 2049, 12800, 100000}) {
    const BlockCut cut = cut_width(width);
    EXPECT_LE(cut.blocks, max_blocks_a_run);
    EXPECT_GE(cut.blocks * cut.tiles_a_block * tile_units, width);
    EXPECT_LT((cut.blocks - 1) * cut.tiles_a_block * tile_units, width) << "no block is empty";
  }
}

}  // namespace
}  // namespace fasweep
