#include "data/idx.hpp"

#include <array>
#include <bit>
#include <cmath>

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
  EXPECT_THAT(refusal_of(longer), HasSubstr("declares 8 bytes of values and has 9 or more"));
}

TEST(Idx, WhatIsWrongWithTheHeadIsSaid) {
  FileBytes text{'1', ',', '2', '\n'};
  FileBytes unknown = idx_bytes({1, 1, 1}, {0});
  unknown[2] = 0x0a;

  EXPECT_THAT(refusal_of(text), HasSubstr("begins with 0x31 0x2c and not with two zeros"));
  EXPECT_THAT(refusal_of(unknown), HasSubstr("values have type 0x0a, which there is not"));
  EXPECT_THAT(refusal_of(idx_bytes({2}, {1, 2})), HasSubstr("holds labels where images belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 1, 1}, {0}), IdxContent::labels), HasSubstr("holds images where labels belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 1}, {0})), HasSubstr("holds 2 dimensions where images belong"));
  EXPECT_THAT(refusal_of(idx_bytes({1, 0, 1}, {})), HasSubstr("a dimension has size 0"));
  // 2^96 values: nothing is multiplied or allocated before the sizes are bounded.
  EXPECT_THAT(refusal_of(idx_bytes({0xffffffff, 0xffffffff, 0xffffffff}, {})), HasSubstr("has size 4294967295"));
}

/// An IDX file of four numbers, which are big-endian there.
template <class Number>
FileBytes idx_of(std::uint8_t type, const std::vector<Number>& numbers) {
  FileBytes values;
  for (const Number number : numbers) {
    const auto raw = std::bit_cast<std::array<std::uint8_t, sizeof(Number)>>(number);
    values.insert(values.end(), raw.rbegin(), raw.rend());
  }
  FileBytes bytes = idx_bytes({1, 2, 2}, values);
  bytes[2] = type;
  return bytes;
}

TEST(Idx, EveryTypeOfValuesIsRead) {
  const auto values_of = [](const FileBytes& bytes) { return decode_idx(bytes, IdxContent::images, "file").values; };
  EXPECT_THAT(values_of(idx_of<std::uint8_t>(0x08, {0, 1, 2, 255})), ElementsAre(0, 1, 2, 255));
  EXPECT_THAT(values_of(idx_of<std::int8_t>(0x09, {0, 1, 2, 127})), ElementsAre(0, 1, 2, 127));
  EXPECT_THAT(values_of(idx_of<std::int16_t>(0x0b, {0, 1, 2, 255})), ElementsAre(0, 1, 2, 255));
  EXPECT_THAT(values_of(idx_of<std::int32_t>(0x0c, {0, 1, 2, 255})), ElementsAre(0, 1, 2, 255));
  EXPECT_THAT(values_of(idx_of<float>(0x0d, {0, 1, 2, 255})), ElementsAre(0, 1, 2, 255));
  EXPECT_THAT(values_of(idx_of<double>(0x0e, {0, 1, 2, 255})), ElementsAre(0, 1, 2, 255));
}

TEST(Idx, ValuesThatAreNoPixelsAreNamed) {
  EXPECT_THAT(refusal_of(idx_of<std::int8_t>(0x09, {0, 1, -1, 0})), HasSubstr("value 3 is -1; "));
  EXPECT_THAT(refusal_of(idx_of<std::int16_t>(0x0b, {256, 0, 0, 0})), HasSubstr("value 1 is 256; "));
  EXPECT_THAT(refusal_of(idx_of<std::int32_t>(0x0c, {0, -70000, 0, 0})), HasSubstr("value 2 is -70000; "));
  EXPECT_THAT(refusal_of(idx_of<float>(0x0d, {0, 0, 0, 0.5F})),
              AllOf(HasSubstr("value 4 is 0.5; "), HasSubstr("set data.source = hdf5")));
  EXPECT_THAT(refusal_of(idx_of<double>(0x0e, {0, NAN, 0, 0})), HasSubstr("value 2 is nan; "));
  FileBytes cut = idx_of<double>(0x0e, {1, 2, 3, 4});
  cut.pop_back();
  EXPECT_THAT(refusal_of(cut), HasSubstr("declares 32 bytes of values and has 31"));
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
