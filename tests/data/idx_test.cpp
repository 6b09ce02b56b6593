#include "data/idx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"
#include "support/folder.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Folder;
using testing::gzip;
using ::testing::HasSubstr;
using testing::idx_bytes;
using testing::refusal;
using testing::write_bytes;

std::string refusal_of(const FileBytes& bytes, IdxContent content = IdxContent::images) {
  return refusal([&] { return decode_idx(bytes, content, "file"); });
}

TEST(Idx, ImagesAndLabelsComeBackAsWritten) {
  const Folder folder;
  write_bytes(folder / "images", gzip(idx_bytes({2, 1, 3}, {0, 1, 2, 253, 254, 255})));
  write_bytes(folder / "labels", idx_bytes({2}, {9, 0}));

  const Samples<std::uint8_t> samples = read_idx(folder / "images", folder / "labels");

  EXPECT_EQ(samples.rows, 2);
  EXPECT_EQ(samples.inputs, 3);
  EXPECT_THAT(samples.x, ElementsAre(0, 1, 2, 253, 254, 255));
  EXPECT_THAT(samples.y, ElementsAre(9, 0));
}

TEST(Idx, EveryOtherLengthIsRefused) {
  const FileBytes whole = idx_bytes({2, 2, 2}, FileBytes(8));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const FileBytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(refusal_of(cut), HasSubstr("'file' is not the expected IDX file")) << size;
  }
  FileBytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(refusal_of(whole), "accepted");
  EXPECT_THAT(refusal_of(longer), HasSubstr("declares 8 values and has 9 or more"));
}

TEST(Idx, WhatIsWrongWithTheHeadIsSaid) {
  FileBytes text{'1', ',', '2', '\n'};
  FileBytes floats = idx_bytes({1, 1, 1}, {0});
  floats[2] = 0x0d;

  EXPECT_THAT(refusal_of(text), HasSubstr("begins with 0x31 0x2c and not with two zeros"));
  EXPECT_THAT(refusal_of(floats), HasSubstr("values have type 0x0d"));
  EXPECT_THAT(refusal_of(idx_bytes({2}, {1, 2})), HasSubstr("holds labels where images belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 1, 1}, {0}), IdxContent::labels), HasSubstr("holds images where labels belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 1}, {0})), HasSubstr("holds 2 dimensions where images belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 0, 1}, {})), HasSubstr("a dimension has size 0"));
  // 2^96 values: nothing is multiplied or allocated before the sizes are bounded.
  EXPECT_THAT(refusal_of(idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, {})), HasSubstr("has size 4294967295"));
}

TEST(Idx, ImagesAndLabelsOfDifferentNumberAreRefused) {
  const Folder folder;
  write_bytes(folder / "images", idx_bytes({2, 1, 1}, {1, 2}));
  write_bytes(folder / "labels", idx_bytes({3}, {0, 1, 2}));

  EXPECT_THAT(refusal([&] { return read_idx(folder / "images", folder / "labels"); }),
              AllOf(HasSubstr("2 images"), HasSubstr("3 labels")));
}

}  // namespace
}  // namespace fasweep
