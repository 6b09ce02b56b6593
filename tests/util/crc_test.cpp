#include "util/crc.hpp"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <boost/crc.hpp>

namespace fasweep {
namespace {

TEST(Crc, CheckValuesAreThoseOfTheCatalogue) {
  constexpr std::string_view digits = "123456789";
  Crc32c crc32;
  Crc64 crc64;
  crc32.add(std::as_bytes(std::span(digits)));
  crc64.add(std::as_bytes(std::span(digits)));
  EXPECT_EQ(crc32.value(), 0xE3069283U);
  EXPECT_EQ(crc64.value(), 0x995DC9BBDF1939FAU);
}

TEST(Crc, EveryLengthAndEveryCutAgreesWithBoost) {
  std::vector<std::byte> bytes;
  for (unsigned i = 0; i < 67; ++i) {
    bytes.push_back(static_cast<std::byte>(i * i * 37U + 11U));
  }
  for (std::size_t length = 0; length <= bytes.size(); ++length) {
    const std::span<const std::byte> part = std::span(bytes).first(length);
    boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> of_boost32;
    boost::crc_optimal<64, 0x42F0E1EBA9EA3693, ~std::uint64_t{0}, ~std::uint64_t{0}, true, true> of_boost64;
    of_boost32.process_bytes(part.data(), part.size());
    of_boost64.process_bytes(part.data(), part.size());
    for (std::size_t cut = 0; cut <= length; ++cut) {
      Crc32c crc32;
      Crc64 crc64;
      for (const auto piece : {part.first(cut), part.subspan(cut)}) {
        crc32.add(piece);
        crc64.add(piece);
      }
      EXPECT_EQ(crc32.value(), of_boost32.checksum());
      EXPECT_EQ(crc64.value(), of_boost64.checksum());
    }
  }
}

}  // namespace
}  // namespace fasweep
