#include "store/merge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_case.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using testing::add;
using testing::collecting;
using testing::csv_of;
using testing::Folder;
using testing::make_plan;
using testing::make_record;
using testing::session;

/// A result file with the records of `runs`, finished.
void write_runs(const std::filesystem::path& path, const Plan& plan, const std::vector<std::int64_t>& runs) {
  ResultStore store(path, plan, {}, session());
  for (const std::int64_t run : runs) {
    add(store, make_record(plan, run));
  }
  store.finish();
}

std::vector<std::int64_t> runs_of(const Plan& plan) {
  std::vector<std::int64_t> runs;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    if (plan.in_shard(run)) {
      runs.push_back(run);
    }
  }
  return runs;
}

TEST(Merge, ShardsGiveTheWhole) {
  const Folder folder;
  const Plan plan = make_plan();
  std::vector<std::filesystem::path> inputs;
  for (std::int64_t index = 0; index < 4; ++index) {
    const Plan shard(plan.job(), Solver::automatic, {index, 4});
    inputs.push_back(folder / ("shard" + std::to_string(index) + ".h5"));
    write_runs(inputs.back(), shard, runs_of(shard));
    EXPECT_FALSE(std::filesystem::exists(journal_path(inputs.back()))) << "a complete shard needs no journal";
  }
  write_runs(folder / "whole.h5", plan, runs_of(plan));

  const MergeReport report = merge_results(inputs, folder / "out.h5", {}, session());

  EXPECT_EQ(report.missing, 0);
  EXPECT_EQ(report.differing, 0);
  EXPECT_EQ(csv_of(folder / "out.h5"), csv_of(folder / "whole.h5"));
  EXPECT_FALSE(std::filesystem::exists(folder / "out.h5.journal"));
}

TEST(Merge, OverlapIsComparedApartFromTimeAndPlace) {
  const Folder folder;
  const Plan plan = make_plan();
  std::vector<std::string> warnings;
  write_runs(folder / "a.h5", plan, {0, 1, 2});
  {
    ResultStore store(folder / "b.h5", plan, {}, session());
    RunRecord other_time = make_record(plan, 1, 77);
    other_time.worker = 5;
    add(store, other_time);
    RunRecord other_numbers = make_record(plan, 2);
    other_numbers.final_values[0] += 1;
    add(store, other_numbers);
    store.publish();
  }

  const MergeReport report =
      merge_results({folder / "a.h5", folder / "b.h5"}, folder / "out.h5", collecting(warnings), session());

  EXPECT_EQ(report.differing, 1);
  EXPECT_EQ(report.missing, plan.size() - 3);
  EXPECT_THAT(warnings, ::testing::ElementsAre(::testing::HasSubstr("run 2 ")));
  EXPECT_EQ(csv_of(folder / "out.h5"), csv_of(folder / "a.h5"));
}

TEST(Merge, FailedRunsKeepTheirReason) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    const Plan shard(plan.job(), Solver::automatic, {0, 100});
    ResultStore store(folder / "a.h5", shard, {}, session());
    RunRecord record = make_record(plan, 0);
    record.status = RunStatus::failed;
    record.points = 0;
    record.trajectory.clear();
    record.error = "made to fail: on purpose";
    add(store, record);
    add(store, make_record(plan, 1));
    store.finish();
  }
  ASSERT_FALSE(std::filesystem::exists(folder / "a.h5.journal"));

  EXPECT_EQ(merge_results({folder / "a.h5"}, folder / "out.h5", {}, session()).failed, 1);
  EXPECT_THAT(read_status(folder / "out.h5").failures, ::testing::ElementsAre("run 0: made to fail: on purpose"));
}

TEST(Merge, DamagedInputIsRefusedBeforeAnythingIsWritten) {
  const Folder folder;
  const Plan plan = make_plan();
  write_runs(folder / "a.h5", plan, {0});
  write_runs(folder / "b.h5", plan, {1, 2, 3});  // unfinished, so its journal is what counts
  Bytes bytes = testing::read_bytes(folder / "b.h5.journal");
  bytes[bytes.size() / 2] ^= std::byte{1};
  testing::write_bytes(folder / "b.h5.journal", bytes);

  EXPECT_THROW(static_cast<void>(merge_results({folder / "a.h5", folder / "b.h5"}, folder / "out.h5", {}, session())),
               DamagedError);
  EXPECT_FALSE(std::filesystem::exists(folder / "out.h5.journal"));
}

}  // namespace
}  // namespace fasweep
