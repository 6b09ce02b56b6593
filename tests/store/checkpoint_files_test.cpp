#include "store/checkpoint_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_case.hpp"

namespace fasweep {
namespace {

using testing::Folder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::make_plan;
using testing::read_bytes;
using ::testing::SizeIs;
using testing::write_bytes;

constexpr Solver solver = Solver::sample_space;

class CheckpointFilesTest : public ::testing::Test {
 protected:
  [[nodiscard]] CheckpointFiles make_files(const Plan& plan) {
    return {folder_ / "out.h5", plan, 1, [this](const std::string& text) { told_.push_back(text); }};
  }
  [[nodiscard]] std::filesystem::path path(std::int64_t run) const {
    return checkpoint_path(checkpoint_folder(folder_ / "out.h5"), plan_.identity(run));
  }
  static Bytes state(int salt) {
    ByteWriter out;
    out.put_text("state " + std::to_string(salt));
    return out.take();
  }

  Folder folder_;
  Plan plan_ = make_plan();
  std::vector<std::string> told_;
  CheckpointFiles files_ = make_files(plan_);
};

TEST_F(CheckpointFilesTest, GiveBackTheLastStateOfEachRun) {
  EXPECT_EQ(files_.load(3, solver), std::nullopt);
  files_.save(3, solver, state(1));
  files_.save(4, solver, state(2));
  files_.save(3, solver, state(3));

  EXPECT_EQ(files_.load(3, solver), state(3));
  EXPECT_EQ(files_.load(4, solver), state(2));
  EXPECT_EQ(files_.load(5, solver), std::nullopt);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(CheckpointFilesTest, FollowARunIntoALargerGrid) {
  files_.save(3, solver, state(1));
  const Plan larger = make_plan({{"grid.seed", "0..9"}, {"grid.lambda", "0, 0.5, 1"}});
  CheckpointFiles files = make_files(larger);
  std::int64_t found = 0;
  for (std::int64_t run = 0; run < larger.size(); ++run) {
    if (files.load(run, solver)) {
      EXPECT_EQ(larger.identity(run), plan_.identity(3));
      ++found;
    }
  }
  EXPECT_EQ(found, 1);
}

TEST_F(CheckpointFilesTest, EveryCutAndEveryFlippedByteIsNoticed) {
  files_.save(3, solver, state(1));
  const Bytes whole = read_bytes(path(3));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_bytes(path(3), std::span(whole).first(size));
    EXPECT_EQ(files_.load(3, solver), std::nullopt) << size;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      Bytes flipped = whole;
      flipped[i] ^= static_cast<std::byte>(mask);
      write_bytes(path(3), flipped);
      EXPECT_EQ(files_.load(3, solver), std::nullopt) << i;
    }
  }
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  write_bytes(path(3), longer);
  EXPECT_EQ(files_.load(3, solver), std::nullopt);
  EXPECT_THAT(told_, SizeIs(4 * whole.size() + 1));
  EXPECT_THAT(told_.back(), HasSubstr("is not used (its bytes are not what was written); run 3 starts over"));
}

TEST_F(CheckpointFilesTest, OfAnotherRunOrSolverAreNotUsed) {
  files_.save(3, solver, state(1));
  std::filesystem::copy_file(path(3), path(4));

  EXPECT_EQ(files_.load(4, solver), std::nullopt);
  EXPECT_EQ(files_.load(3, Solver::weight_space), std::nullopt);

  EXPECT_THAT(told_, ::testing::ElementsAre(HasSubstr("to another run"), HasSubstr("to another solver")));
}

TEST_F(CheckpointFilesTest, ThatCannotBeWrittenAreReportedOnce) {
  write_bytes(checkpoint_folder(folder_ / "out.h5"), state(1));  // a file where the folder would be

  files_.save(3, solver, state(1));
  files_.save(4, solver, state(1));

  EXPECT_THAT(told_, ::testing::ElementsAre(HasSubstr("checkpoints cannot be kept")));
}

TEST_F(CheckpointFilesTest, GoOnceTheirRecordsAreOnDiskAndTheFolderWithTheSweep) {
  std::vector<std::string> warnings;
  ResultStore store(folder_ / "out.h5", plan_, testing::collecting(warnings), testing::session());
  files_.save(0, solver, state(1));
  files_.save(1, solver, state(2));

  testing::add(store, testing::make_record(plan_, 0));
  EXPECT_TRUE(files_.load(0, solver));  // the record could still be lost with the machine
  store.sync();
  EXPECT_FALSE(files_.load(0, solver));
  EXPECT_TRUE(files_.load(1, solver));
  store.finish();
  EXPECT_TRUE(files_.load(1, solver));  // not complete yet
  for (std::int64_t run = 2; run < plan_.size(); ++run) {
    testing::add(store, testing::make_record(plan_, run));
  }
  testing::add(store, testing::make_record(plan_, 1));
  store.finish();
  EXPECT_FALSE(std::filesystem::exists(checkpoint_folder(folder_ / "out.h5")));
}

}  // namespace
}  // namespace fasweep
