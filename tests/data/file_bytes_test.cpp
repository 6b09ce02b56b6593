#include "data/file_bytes.hpp"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"
#include "support/folder.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using testing::Folder;
using testing::gzip;
using ::testing::HasSubstr;
using testing::refusal;
using testing::write_bytes;

/// More than the reader takes at once, and nothing that repeats.
FileBytes many_bytes() {
  FileBytes bytes(200'000);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<std::uint8_t>(state >> 24U);
  }
  return bytes;
}

TEST(FileBytes, PlainAndGzipGiveTheSameWhateverTheName) {
  const Folder folder;
  write_bytes(folder / "plain.gz", many_bytes());
  write_bytes(folder / "compressed", gzip(many_bytes()));

  EXPECT_EQ(read_file(folder / "plain.gz"), many_bytes());
  EXPECT_EQ(read_file(folder / "compressed"), many_bytes());
}

TEST(FileBytes, MembersOfAGzipFileFollowEachOther) {
  FileBytes two = gzip({1, 2});
  const FileBytes second = gzip({3});
  two.insert(two.end(), second.begin(), second.end());

  EXPECT_EQ(decompress(two, "two"), (FileBytes{1, 2, 3}));
}

TEST(FileBytes, EveryTruncationOfGzipIsRefused) {
  const FileBytes whole = gzip({1, 2, 3, 4, 5, 6, 7, 8});
  for (std::size_t size = 2; size < whole.size(); ++size) {
    const FileBytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THAT(refusal([&] { return decompress(cut, "cut.gz"); }), AllOf(HasSubstr("cut.gz"), HasSubstr("too early")));
  }
}

TEST(FileBytes, NoFlippedBitOfGzipGivesOtherBytes) {
  const FileBytes content(100, 7);
  const FileBytes whole = gzip(content);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    FileBytes bytes = whole;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    FileBytes read;
    const std::string message = refusal([&] { return read = decompress(bytes, "bad.gz"); });
    refused += message == "accepted" ? 0 : 1;
    EXPECT_THAT(message, AnyOf("accepted", HasSubstr("'bad.gz' cannot be decompressed"))) << "bit " << bit;
    EXPECT_TRUE(message != "accepted" || read == content) << "bit " << bit;
  }
  // Time, system and padding mean nothing, the 8 bytes of checksum and length do.
  EXPECT_GE(refused, 64);
}

TEST(FileBytes, BytesAfterGzipDataAreRefused) {
  FileBytes bytes = gzip({1});
  bytes.push_back(0);
  EXPECT_THAT(refusal([&] { return decompress(bytes, "long.gz"); }), HasSubstr("1 bytes follow"));
}

TEST(FileBytes, WhatIsNoFileIsNamed) {
  const Folder folder;
  EXPECT_THAT(refusal([&] { return read_file(folder / "nowhere"); }), HasSubstr("nowhere' cannot be read (No such"));
  EXPECT_THAT(refusal([&] { return read_file(folder / ""); }), HasSubstr("Is a directory"));
}

TEST(FileBytes, NoMoreIsUnpackedThanIsWanted) {
  FileBytes bomb = gzip(FileBytes(1U << 22U, 7));
  bomb.resize(bomb.size() - 8);  // whoever gets there finds it cut
  std::size_t head_bytes = 0;

  const FileBytes bytes = decompress(bomb, "bomb.gz", [&](std::span<const std::uint8_t> head) {
    head_bytes = head.size();
    return std::size_t{5000};
  });

  EXPECT_EQ(bytes, FileBytes(5000, 7));
  EXPECT_LE(head_bytes, 1U << 16U) << "it is looked at before it is unpacked";
}

TEST(FileBytes, WhatHasAnUnwantedHeadIsNotUnpacked) {
  const Folder folder;
  write_bytes(folder / "bomb", gzip(FileBytes(1U << 22U, 7)));
  const auto refuse = [](std::span<const std::uint8_t> head) -> std::size_t {
    throw ConfigError("head of " + std::to_string(head[0]));
  };
  EXPECT_EQ(refusal([&] { return read_file(folder / "bomb", refuse); }), "head of 7");
}

TEST(FileBytes, WhatHasNoEndIsRefusedAndNotWaitedFor) {
  const Folder folder;
  ASSERT_EQ(mkfifo(std::string(folder / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal([&] { return read_file(folder / "pipe"); }), HasSubstr("pipe' cannot be read (it is a pipe"));
  EXPECT_THAT(refusal([&] { return read_file("/dev/zero"); }), HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace fasweep
