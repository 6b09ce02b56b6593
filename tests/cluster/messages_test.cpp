#include "cluster/messages.hpp"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

std::vector<WireMessage> one_of_each() {
  return {Hello{0x1234, 2, "host, 2 workers"},
          Welcome{7},
          Assign{9, {{0, 4}, {100, 1}}},
          Result{9, 0.5, 2, 1, Bytes(10, std::byte{3}), "no memory"},
          Heartbeat{},
          HeartbeatReply{},
          Drain{},
          Stop{},
          Bye{}};
}

TEST(Messages, EveryMessageSurvivesTheWire) {
  ASSERT_EQ(one_of_each().size(), std::variant_size_v<WireMessage>);
  for (const WireMessage& message : one_of_each()) {
    const Bytes bytes = encode(message);
    const WireMessage back = decode_message(bytes);
    EXPECT_EQ(back.index(), message.index());
    EXPECT_EQ(encode(back), bytes);
  }
}

TEST(Messages, TruncatedAndLengthenedOnesAreRefused) {
  for (const WireMessage& message : one_of_each()) {
    Bytes bytes = encode(message);
    const bool open_ended = std::holds_alternative<Result>(message);  // its records are checked by the master
    for (std::size_t size = 0; size < bytes.size() - (open_ended ? 10 : 0); ++size) {
      EXPECT_THROW(static_cast<void>(decode_message(std::span<const std::byte>(bytes).first(size))), TransportError);
    }
    bytes.push_back(std::byte{0});
    if (!open_ended) {
      EXPECT_THROW(static_cast<void>(decode_message(bytes)), TransportError);
    }
  }
}

TEST(Messages, OtherVersionsAreRefusedByName) {
  Bytes bytes = encode(Heartbeat{});
  bytes[4] = std::byte{99};
  try {
    static_cast<void>(decode_message(bytes));
    FAIL() << "accepted";
  } catch (const TransportError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("version 99"));
  }
}

TEST(Messages, RandomBytesNeverDoHarm) {
  std::mt19937 generator(1);
  for (int i = 0; i < 100000; ++i) {
    Bytes bytes = encode(one_of_each()[generator() % 9]);
    for (int flips = 0; flips < 3; ++flips) {
      bytes[generator() % bytes.size()] = static_cast<std::byte>(generator());
    }
    try {
      EXPECT_LT(encode(decode_message(bytes)).size(), 1000U);
    } catch (const TransportError&) {
      SUCCEED();
    }
  }
}

}  // namespace
}  // namespace fasweep
