#include "util/bytes.hpp"

#include <gtest/gtest.h>

namespace fasweep {
namespace {

TEST(Bytes, ReadBackInTheOrderWritten) {
  ByteWriter writer;
  writer.put(std::int32_t{-7});
  writer.put_text("hello");
  writer.put_array(std::span<const double>(std::vector<double>{1.5, -2.5}));
  const Bytes bytes = writer.take();

  ByteReader reader(bytes);

  EXPECT_EQ(reader.get<std::int32_t>(), -7);
  EXPECT_EQ(reader.get_text(), "hello");
  EXPECT_EQ(reader.get_array<double>(2), (std::vector<double>{1.5, -2.5}));
  EXPECT_EQ(reader.left(), 0U);
}

TEST(Bytes, LengthsBeyondTheEndAreRefused) {
  ByteWriter writer;
  writer.put(std::uint32_t{0xffffffff});
  const Bytes bytes = writer.take();

  EXPECT_THROW(static_cast<void>(ByteReader(bytes).get_text()), TransportError);
  EXPECT_THROW(static_cast<void>(ByteReader(bytes).get<std::int64_t>()), TransportError);
  EXPECT_THROW(static_cast<void>(ByteReader(bytes).get_array<double>(std::size_t{1} << 61U)), TransportError);
}

}  // namespace
}  // namespace fasweep
