#include "data/file_format.hpp"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"

namespace fasweep {
namespace {

using namespace std::string_view_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal_of(std::string_view bytes, FileFormat expected = FileFormat::text) {
  return testing::refusal([&] {
    refuse_foreign({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, expected, "file");
    return 0;
  });
}

/// The head of a zip archive whose first entry has this name.
std::string zip(const std::string& name) {
  std::string bytes = "PK\x03\x04";
  bytes.resize(30);
  bytes[26] = static_cast<char>(name.size());
  return bytes + name + "content";
}

TEST(FileFormat, OthersAreRefusedByNameWithTheCommandThatConverts) {
  EXPECT_THAT(refusal_of("\xff\xfe"
                         "a\0,\0"sv),
              AllOf(HasSubstr("UTF-16"), HasSubstr("iconv -f UTF-16 -t UTF-8 'file'")));
  EXPECT_THAT(refusal_of("a\0,\0b\0"sv), AllOf(HasSubstr("UTF-16"), HasSubstr("iconv")));
  EXPECT_THAT(refusal_of("\xfd"
                         "7zXZ\0\0"sv),
              AllOf(HasSubstr("by xz"), HasSubstr("xz -dk 'file'")));
  EXPECT_THAT(refusal_of("BZh91AY&SY"), AllOf(HasSubstr("by bzip2"), HasSubstr("bzip2 -dk 'file'")));
  EXPECT_THAT(refusal_of(zip("table.csv")), AllOf(HasSubstr("a zip archive"), HasSubstr("unzip 'file'")));
  EXPECT_THAT(refusal_of(zip("x_train.npy")), AllOf(HasSubstr("npz"), HasSubstr("numpy.load('file')")));
  EXPECT_THAT(refusal_of(zip("[Content_Types].xml")), AllOf(HasSubstr("Excel"), HasSubstr("as CSV")));
  EXPECT_THAT(refusal_of("\x93NUMPY\1\0"sv), AllOf(HasSubstr("npy"), HasSubstr("numpy.load('file')")));
  EXPECT_THAT(refusal_of("PAR1\x15"), HasSubstr("pandas.read_parquet('file')"));
  EXPECT_THAT(refusal_of("\n<!DOCTYPE HTML>"), HasSubstr("a web page"));
  EXPECT_THAT(refusal_of("@RELATION iris\n"), HasSubstr("ARFF"));
}

TEST(FileFormat, OwnFormatsAreNamedWithTheirSource) {
  constexpr std::string_view hdf5 = "\x89HDF\r\n\x1a\n\0"sv;
  constexpr std::string_view idx = "\0\0\x08\x03"sv;
  EXPECT_THAT(refusal_of(hdf5), HasSubstr("data.source = hdf5"));
  EXPECT_THAT(refusal_of(hdf5, FileFormat::idx), HasSubstr("data.source = hdf5"));
  EXPECT_EQ(refusal_of(hdf5, FileFormat::hdf5), "accepted");
  EXPECT_THAT(refusal_of(idx), HasSubstr("data.source = idx"));
  EXPECT_THAT(refusal_of("\0\0\x0d\x03"sv), HasSubstr("data.source = idx"));
  EXPECT_EQ(refusal_of(idx, FileFormat::idx), "accepted");
}

TEST(FileFormat, BytesThatAreNoTextAreRefused) {
  EXPECT_THAT(refusal_of("1,2\n3,\0\0\n"sv), HasSubstr("byte 7 is zero, so it is not text"));
  EXPECT_THAT(refusal_of(std::string(100, '\0')), HasSubstr("byte 1 is zero"));
}

TEST(FileFormat, TablesAreAccepted) {
  for (const std::string_view text : {""sv, "1"sv, "PAR1,PAR2\n1,2\n"sv, "BZh,a\n1,2"sv,
                                      "\xef\xbb\xbf"
                                      "a,b\r\n1,2\r\n"sv}) {
    EXPECT_EQ(refusal_of(text), "accepted") << text;
  }
}

}  // namespace
}  // namespace fasweep
