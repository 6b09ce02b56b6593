#include "data/share_dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "util/shared_memory.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Dataset make_dataset() {
  Dataset set;
  set.samples = 2;
  set.test_samples = 1;
  set.inputs = 3;
  set.outputs = 1;
  set.is_classes = true;
  set.row_begin = std::vector<std::int64_t>{0, 2, 2, 3};
  set.column = std::vector<std::int32_t>{0, 2, 1};
  set.raw = std::vector<double>{1.5, -2, 7};
  set.scale = std::vector<double>{1, 0.5, 4};
  set.shift = std::vector<double>{0, 0.25, -1};
  set.y = std::vector<double>{1, 0, 1};
  set.checksum = 0xfedcba98;
  return set;
}

void expect_same(const Dataset& read, const Dataset& set) {
  EXPECT_THAT((std::array{read.samples, read.test_samples, read.inputs, read.outputs}), ElementsAre(2, 1, 3, 1));
  EXPECT_TRUE(read.is_classes);
  EXPECT_EQ(read.checksum, set.checksum);
  EXPECT_THAT(read.row_begin, ElementsAreArray(set.row_begin));
  EXPECT_THAT(read.column, ElementsAreArray(set.column));
  EXPECT_THAT(read.raw, ElementsAreArray(set.raw));
  EXPECT_THAT(read.scale, ElementsAreArray(set.scale));
  EXPECT_THAT(read.shift, ElementsAreArray(set.shift));
  EXPECT_THAT(read.y, ElementsAreArray(set.y));
}

TEST(ShareDataset, AnotherProcessReadsItWhereItLies) {
  const Dataset set = make_dataset();
  const NamedDataset shared = share_dataset(set);
  ASSERT_NE(shared.name, "");
  expect_same(shared.dataset, set);
  const pid_t child = fork();
  if (child == 0) {
    const std::optional<Dataset> read = attach_dataset(shared.name);
    if (read) {
      expect_same(*read, set);
    }
    _exit(read && !::testing::Test::HasFailure() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ShareDataset, WhatIsAttachedOutlivesTheFirstHolder) {
  const Dataset set = make_dataset();
  std::optional<NamedDataset> shared = share_dataset(set);
  const std::optional<Dataset> read = attach_dataset(shared->name);
  ASSERT_TRUE(read);
  shared.reset();
  expect_same(*read, set);
}

TEST(ShareDataset, SizesThatDoNotFitAreNoDataset) {
  const NamedDataset shared = share_dataset(make_dataset());
  const std::shared_ptr<const SharedMemory> sound = SharedMemory::attach(shared.name);
  const std::shared_ptr<SharedMemory> forged = SharedMemory::create(sound->bytes().size());
  std::ranges::copy(sound->bytes(), forged->bytes().begin());
  EXPECT_TRUE(attach_dataset(forged->name()));
  constexpr std::size_t sizes_at = 56;
  std::uint64_t size = 0;
  std::memcpy(&size, &forged->bytes()[sizes_at], sizeof size);
  ASSERT_EQ(size, 4U) << "of row_begin";

  for (const std::uint64_t wrong : {size + 1024, size + (std::uint64_t{1} << 61U)}) {  // 2^61 numbers are 2^64 bytes
    std::memcpy(&forged->bytes()[sizes_at], &wrong, sizeof wrong);
    EXPECT_FALSE(attach_dataset(forged->name())) << wrong;
  }
}

TEST(ShareDataset, ANameThatMeansSomethingElseIsNoDataset) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const std::string of_pipe = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(ends[0]);
  for (const std::string& name :
       {std::string(), std::string("/proc/1/fd/12345"), std::string("/proc/self/exe"), of_pipe}) {
    EXPECT_FALSE(attach_dataset(name)) << name;
  }
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace fasweep
