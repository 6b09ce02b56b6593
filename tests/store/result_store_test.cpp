#include "store/result_store.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/file_seal.hpp"
#include "store/journal_contents.hpp"
#include "store/record_check.hpp"
#include "store/store_case.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using testing::add;
using testing::collecting;
using testing::csv_of;
using testing::Folder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_plan;
using testing::make_record;
using testing::session;
using ::testing::SizeIs;

/// The file with every run of the plan, records added in the given order.
void write_complete(const std::filesystem::path& path, const Plan& plan, std::vector<std::int64_t> order = {}) {
  if (order.empty()) {
    order.resize(static_cast<std::size_t>(plan.size()));
    std::iota(order.begin(), order.end(), 0);
  }
  ResultStore store(path, plan, {}, session());
  for (const std::int64_t run : order) {
    add(store, make_record(plan, run));
  }
  store.finish();
}

TEST(ResultStore, CompleteSweepLeavesOneFile) {
  const Folder folder;
  const Plan plan = make_plan();

  write_complete(folder / "out.h5", plan);

  EXPECT_TRUE(std::filesystem::exists(folder / "out.h5"));
  for (const char* other : {"out.h5.journal", "out.h5.lock", "out.h5.new", "out.h5.journal.new"}) {
    EXPECT_FALSE(std::filesystem::exists(folder / other)) << other;
  }
  EXPECT_THAT(verify(folder / "out.h5", Repair::no).problems, IsEmpty());
}

TEST(ResultStore, RecordsComeBackAsTheyWereAdded) {
  const Folder folder;
  const Plan plan = make_plan();
  write_complete(folder / "out.h5", plan);

  std::int64_t seen = 0;
  ResultFile(folder / "out.h5").for_each_record([&](const RunRecord& record) {
    const RunRecord expected = make_record(plan, record.run);
    EXPECT_EQ(record.trajectory, expected.trajectory);
    EXPECT_EQ(record.final_values, expected.final_values);
    EXPECT_EQ(record.steps, expected.steps);
    EXPECT_EQ(record.reason, expected.reason);
    EXPECT_EQ(record.wall_s, expected.wall_s);
    ++seen;
  });
  EXPECT_EQ(seen, plan.size());
}

TEST(ResultStore, RecordsOfSeveralNumbersComeBackAndSmallerRunsLeaveNaNAfterThem) {
  const Folder folder;
  const Plan plan =
      make_plan({{"data.n", "3, 5"}, {"record.metrics", "loss, kernel_eigenvalues, feedback_norm_ratio"}});
  write_complete(folder / "out.h5", plan);
  const ResultFile file(folder / "out.h5");
  std::set<std::uint32_t> sizes;

  file.for_each_record([&](const RunRecord& record) {
    const RunRecord expected = make_record(plan, record.run);
    EXPECT_EQ(record.metrics, expected.metrics);
    EXPECT_EQ(record.trajectory, expected.trajectory);
    EXPECT_EQ(record.final_values, expected.final_values);
    sizes.insert(record.metrics);
  });

  EXPECT_EQ(sizes, (std::set<std::uint32_t>{5, 7}));
  EXPECT_THAT(file.find_problems(), IsEmpty());
  std::istringstream csv(csv_of(folder / "out.h5"));
  std::string line;
  std::getline(csv, line);
  EXPECT_THAT(line, HasSubstr(",step,loss,kernel_eigenvalues_0,kernel_eigenvalues_1,kernel_eigenvalues_2,"
                              "kernel_eigenvalues_3,kernel_eigenvalues_4,feedback_norm_ratio"));
  std::getline(csv, line);
  EXPECT_THAT(line, HasSubstr(",nan,nan,"));
}

TEST(ResultStore, RecordsOfAnotherNumberOfSamplesAreRefused) {
  const Folder folder;
  const Plan plan = make_plan({{"data.n", "3, 5"}, {"record.metrics", "loss, kernel_eigenvalues"}});
  RunRecord record = make_record(plan, 0);
  EXPECT_EQ(why_not_of_plan(record, 0, plan), "");
  std::int64_t other = 0;
  while (plan.layout(plan.point(other)).values == record.metrics) {
    ++other;
  }
  record.run = other;

  EXPECT_EQ(why_not_of_plan(record, other, plan),
            "the record of run " + std::to_string(other) + " has 4 numbers a step instead of 6");
}

TEST(ResultStore, OrderOfCompletionDoesNotMatter) {
  const Folder folder;
  const Plan plan = make_plan();
  std::vector<std::int64_t> order(static_cast<std::size_t>(plan.size()));
  std::iota(order.rbegin(), order.rend(), 0);
  write_complete(folder / "forward.h5", plan);
  write_complete(folder / "backward.h5", plan, order);

  EXPECT_EQ(csv_of(folder / "forward.h5"), csv_of(folder / "backward.h5"));
}

TEST(ResultStore, InterruptedSweepGoesOnWhereItWas) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    add(store, make_record(plan, 3));
    add(store, make_record(plan, 5));
  }  // as a killed process leaves it: nothing published

  ResultStore store(folder / "out.h5", plan, {}, session());

  EXPECT_TRUE(store.has(3));
  EXPECT_TRUE(store.has(5));
  EXPECT_FALSE(store.has(4));
  EXPECT_EQ(store.counts()[1], 2);
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    if (!store.has(run)) {
      add(store, make_record(plan, run));
    }
  }
  store.finish();
  write_complete(folder / "whole.h5", plan);
  EXPECT_EQ(csv_of(folder / "out.h5"), csv_of(folder / "whole.h5"));
}

TEST(ResultStore, SnapshotsAreValidAndIncomplete) {
  const Folder folder;
  const Plan plan = make_plan();
  ResultStore store(folder / "out.h5", plan, {}, session());
  add(store, make_record(plan, 3));

  store.publish();

  const ResultFile file(folder / "out.h5");
  EXPECT_FALSE(file.complete());
  EXPECT_THAT(file.find_problems(), IsEmpty());
  EXPECT_EQ(read_status(folder / "out.h5").counts[1], 1);
  EXPECT_EQ(file.read_statuses()[3], RunStatus::done);
  EXPECT_EQ(file.read_statuses()[4], RunStatus::pending);
}

TEST(ResultStore, LargerGridKeepsWhatIsThere) {
  const Folder folder;
  const Plan small = make_plan();
  const Plan large = make_plan({{"grid.seed", "0..4"}, {"grid.p", "2, 3, 4"}});
  write_complete(folder / "out.h5", small);

  ResultStore store(folder / "out.h5", large, {}, session());

  EXPECT_EQ(store.counts()[1], small.size());
  for (std::int64_t run = 0; run < large.size(); ++run) {
    const RunSpec spec = large.at(run);
    EXPECT_EQ(store.has(run), spec.seed <= 2 && spec.width <= 3);
    if (!store.has(run)) {
      add(store, make_record(large, run));
    }
  }
  store.finish();
  write_complete(folder / "whole.h5", large);
  EXPECT_EQ(csv_of(folder / "out.h5"), csv_of(folder / "whole.h5"));
}

TEST(ResultStore, GridGrownWhileInterruptedKeepsWhatIsThere) {
  const Folder folder;
  const Plan small = make_plan();
  const Plan large = make_plan({{"grid.seed", "0..4"}});
  {
    ResultStore store(folder / "out.h5", small, {}, session());
    add(store, make_record(small, 1));
  }
  {
    ResultStore store(folder / "out.h5", large, {}, session());
    EXPECT_EQ(store.counts()[1], 1);
  }
  // From now on the file is the larger plan's.
  EXPECT_THROW(ResultStore(folder / "out.h5", small, {}, session()), PlanConflictError);
}

TEST(ResultStore, OtherPlanIsRefusedWithItsDifferences) {
  const Folder folder;
  const Plan plan = make_plan();
  write_complete(folder / "out.h5", plan);
  const Bytes before = testing::read_bytes(folder / "out.h5");
  const Plan other = make_plan({{"data.n", "7"}});

  try {
    ResultStore(folder / "out.h5", other, {}, session());
    FAIL() << "took another plan's file";
  } catch (const PlanConflictError& error) {
    EXPECT_THAT(error.what(), HasSubstr("data.n: file has 50, job wants 7"));
  }
  EXPECT_EQ(testing::read_bytes(folder / "out.h5"), before);
}

TEST(ResultStore, ForeignFilesAreLeftAlone) {
  const Folder folder;
  std::ofstream(folder / "notes.h5") << "my notes";
  const Plan plan = make_plan();
  EXPECT_THROW(ResultStore(folder / "notes.h5", plan, {}, session()), ConfigError);
  std::ofstream(folder / "out.h5.journal") << "my notes, long enough to look like a frame of something";
  EXPECT_THROW(ResultStore(folder / "out.h5", plan, {}, session()), DamagedError);
  EXPECT_EQ(testing::read_bytes(folder / "notes.h5").size(), 8U);
}

TEST(ResultStore, FirstRecordWinsAndADifferentSecondIsReported) {
  const Folder folder;
  const Plan plan = make_plan();
  std::vector<std::string> warnings;
  ResultStore store(folder / "out.h5", plan, collecting(warnings), session());
  add(store, make_record(plan, 3));
  add(store, make_record(plan, 3, 99));  // only its time differs
  EXPECT_THAT(warnings, IsEmpty());

  RunRecord changed = make_record(plan, 3);
  changed.trajectory[0] += 1;
  add(store, changed);

  EXPECT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(store.differing_duplicates(), 1);
  EXPECT_EQ(store.counts()[1], 1);
}

TEST(ResultStore, RetriedStatusesAreTrainedAgain) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    for (std::int64_t run = 0; run < plan.size(); ++run) {
      RunRecord record = make_record(plan, run);
      if (run == 4) {
        record.status = RunStatus::failed;
        record.points = 0;
        record.trajectory.clear();
        record.error = "made to fail";
      }
      add(store, record);
    }
    store.finish();
  }
  EXPECT_THAT(read_status(folder / "out.h5").failures, ::testing::ElementsAre(HasSubstr("run 4: made to fail")));
  EXPECT_TRUE(ResultStore(folder / "out.h5", plan, {}, session()).complete());

  StoreOptions retry;
  retry.retry = {RunStatus::failed};
  {
    ResultStore store(folder / "out.h5", plan, retry, session());
    EXPECT_FALSE(store.has(4));
    EXPECT_TRUE(store.has(3));
    add(store, make_record(plan, 4));
    store.finish();
  }
  write_complete(folder / "whole.h5", plan);
  EXPECT_EQ(csv_of(folder / "out.h5"), csv_of(folder / "whole.h5"));
}

TEST(ResultStore, StatusCountsWhatAJournalLastSaid) {
  const Folder folder;
  const Plan plan = make_plan();
  StoreOptions again;
  again.retry = {RunStatus::failed};
  RunRecord failed = make_record(plan, 3, 5);
  failed.status = RunStatus::failed;
  failed.error = "no reason";
  const auto count = [](const StatusReport& report, RunStatus status) {
    return report.counts[static_cast<std::size_t>(status)];
  };
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    add(store, failed);
    add(store, make_record(plan, 5, 2));
    add(store, make_record(plan, 5, 7));  // the first one counts
  }
  const StatusReport before = read_status(folder / "out.h5");
  EXPECT_EQ(count(before, RunStatus::pending), plan.size() - 2);
  EXPECT_EQ(before.wall_s_total, 7);
  EXPECT_THAT(before.failures, ::testing::ElementsAre("run 3: no reason"));

  const Plan larger = make_plan({{"grid.lambda", "0, 0.5, 1"}});
  { const ResultStore store(folder / "out.h5", larger, {}, session()); }
  const std::string run = [&] {
    std::int64_t found = 0;
    while (larger.identity(found) != plan.identity(3)) {
      ++found;
    }
    return std::to_string(found);
  }();
  EXPECT_NE(run, "3");
  EXPECT_THAT(read_status(folder / "out.h5").failures, ::testing::ElementsAre("run " + run + ": no reason"));

  ResultStore store(folder / "out.h5", larger, again, session());
  EXPECT_EQ(count(read_status(folder / "out.h5"), RunStatus::pending), larger.size() - 1);
  EXPECT_EQ(count(read_status(folder / "out.h5"), RunStatus::failed), 0);
  add(store, make_record(larger, std::stoll(run), 3));
  EXPECT_EQ(count(read_status(folder / "out.h5"), RunStatus::done), 2);
  EXPECT_EQ(read_status(folder / "out.h5").wall_s_total, 5);
}

TEST(ResultStore, LiveLockIsRefusedAndADeadOneTakenOver) {
  const Folder folder;
  const Plan plan = make_plan();
  std::vector<std::string> warnings;
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    try {
      ResultStore(folder / "out.h5", plan, {}, session());
      FAIL() << "two writers";
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), HasSubstr("process " + std::to_string(getpid())));
    }
  }
  std::ofstream(folder / "out.h5.lock") << "host, process 1";
  ResultStore(folder / "out.h5", plan, collecting(warnings), session());
  EXPECT_THAT(warnings, ::testing::ElementsAre(HasSubstr("host, process 1")));
}

TEST(ResultStore, DamagedJournalIsRefusedAndRepairKeepsEveryWholeRecord) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    for (std::int64_t run = 0; run < 6; ++run) {
      add(store, make_record(plan, run));
    }
    store.publish();
  }
  Bytes bytes = testing::read_bytes(folder / "out.h5.journal");
  bytes[bytes.size() - 200] ^= std::byte{1};  // in one of the last records, not in the last
  testing::write_bytes(folder / "out.h5.journal", bytes);

  EXPECT_THROW(ResultStore(folder / "out.h5", plan, {}, session()), DamagedError);
  EXPECT_THAT(verify(folder / "out.h5", Repair::no).problems, ::testing::Not(IsEmpty()));
  const VerifyReport repaired = verify(folder / "out.h5", Repair::yes);

  EXPECT_THAT(repaired.problems, IsEmpty());
  EXPECT_EQ(testing::read_bytes(folder / "out.h5.journal.damaged"), bytes);
  EXPECT_EQ(read_status(folder / "out.h5").counts[1], 6);  // one record was hit, and the file has it
  EXPECT_FALSE(ResultStore(folder / "out.h5", plan, {}, session()).complete());
}

TEST(ResultStore, LostFileIsRebuiltFromTheJournal) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    ResultStore store(folder / "out.h5", plan, {}, session());
    add(store, make_record(plan, 0));
    store.publish();
  }
  Bytes file = testing::read_bytes(folder / "out.h5");
  std::fill(file.begin() + 2000, file.begin() + 4000, std::byte{0});
  testing::write_bytes(folder / "out.h5", file);
  EXPECT_THAT(verify(folder / "out.h5", Repair::no).problems, ::testing::Not(IsEmpty()));

  EXPECT_THAT(verify(folder / "out.h5", Repair::yes).problems, IsEmpty());
  EXPECT_EQ(read_status(folder / "out.h5").counts[1], 1);
}

TEST(ResultStore, RecordsThatContradictThemselvesAreNamed) {
  const Plan plan = make_plan();
  const RunRecord right = make_record(plan, 3);
  ASSERT_EQ(find_odd_number(right, plan), "");
  RunRecord other_final = right;
  other_final.final_values[1] += 1;
  RunRecord other_end = right;
  other_end.reason = StopReason::exploding_loss;
  RunRecord fewer_steps = right;
  fewer_steps.steps = 9;
  RunRecord no_loss = right;
  no_loss.trajectory[0] = std::numeric_limits<double>::quiet_NaN();
  RunRecord no_time = right;
  no_time.wall_s = std::numeric_limits<double>::quiet_NaN();

  EXPECT_THAT(find_odd_number(other_final, plan), HasSubstr("other than those of its last recorded step"));
  EXPECT_THAT(find_odd_number(other_end, plan), HasSubstr("claims to be done by exploding-loss"));
  EXPECT_THAT(find_odd_number(fewer_steps, plan), HasSubstr("all of its 10 steps, and made 9"));
  EXPECT_THAT(find_odd_number(no_loss, plan), HasSubstr("a loss that is not finite"));
  EXPECT_THAT(why_not_of_plan(no_time, 3, plan), HasSubstr("impossible times"));
}

TEST(ResultStore, JournalsOfLaterVersionsAreLeftToThem) {
  const Folder folder;
  const Plan plan = make_plan();
  {
    JournalWriter writer(folder / "out.h5.journal", 0);
    ByteWriter version;
    version.put(journal_version + 1);
    writer.append(FrameType::format, version.view());
    writer.append(FrameType::plan, resolved_text(plan.job()));
  }
  const Bytes before = testing::read_bytes(folder / "out.h5.journal");

  EXPECT_THROW(ResultStore(folder / "out.h5", plan, {}, session()), ConfigError);
  EXPECT_THROW(static_cast<void>(verify(folder / "out.h5", Repair::yes)), ConfigError);
  EXPECT_EQ(testing::read_bytes(folder / "out.h5.journal"), before);
}

TEST(ResultStore, ForgedRecordsOfAJournalAreDamage) {
  const Plan plan = make_plan();
  const auto damage_of = [&](const RunRecord& record, std::size_t more_bytes) {
    const Folder folder;
    JournalWriter writer(folder / "journal", 0);
    ByteWriter out;
    encode(record, out);
    Bytes bytes = out.take();
    bytes.resize(bytes.size() + more_bytes);
    writer.append(FrameType::record, make_record_payload(plan.identity(record.run), bytes));
    return read_journal(MappedFile(folder / "journal").bytes(), PastDamage::stop).scan.damage;
  };
  RunRecord pending = make_record(plan, 3);
  pending.status = RunStatus::pending;

  EXPECT_EQ(damage_of(make_record(plan, 3), 0), "");
  EXPECT_THAT(damage_of(make_record(plan, 3), 1), HasSubstr("1 bytes too many"));
  EXPECT_THAT(damage_of(pending, 0), HasSubstr("pending"));
}

TEST(ResultStore, SealSeesEveryChangedByte) {
  const Folder folder;
  write_complete(folder / "out.h5", make_plan());
  const Bytes whole = testing::read_bytes(folder / "out.h5");
  ASSERT_EQ(check_seal(whole), SealState::whole);

  for (std::size_t i = 0; i < whole.size(); i += 97) {
    Bytes changed = whole;
    changed[i] ^= static_cast<std::byte>(1U << i % 8);
    EXPECT_EQ(check_seal(changed), SealState::broken) << i;
  }
  for (std::size_t i = 1; i <= 32; ++i) {
    Bytes changed = whole;
    changed[whole.size() - i] ^= std::byte{1};
    EXPECT_EQ(check_seal(changed), SealState::broken) << i << " from the end";
    changed.resize(whole.size() - i);
    EXPECT_EQ(check_seal(changed), i == 32 ? SealState::none : SealState::broken) << i << " cut off";
  }
}

TEST(ResultStore, PlansBeyondTheDiskAreRefusedBeforeAnythingIsWritten) {
  const Folder folder;
  const Plan plan =
      make_plan({{"grid.seed", "0..199999"}, {"record.steps", "every(1)"}, {"training.max-steps", "900000"}});
  try {
    ResultStore(folder / "out.h5", plan, {}, session());
    FAIL() << "started";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("MB are free"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "out.h5.journal"));
}

}  // namespace
}  // namespace fasweep
