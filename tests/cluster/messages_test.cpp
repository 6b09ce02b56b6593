#include "cluster/messages.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/error.hpp"

namespace fasweep {
namespace {

std::vector<WireMessage> one_of_each() {
  return {Hello{0x1234, 2, "host, 2 workers", {"GPU-1", "GPU-2"}, 2, 1e13},
          Welcome{7},
          Assign{9, {{0, 4}, {100, 1}}, Crew::devices},
          Result{9, 0.5, 1e6, Crew::devices, 2, 1, Bytes(10, std::byte{3}), "no memory"},
          Heartbeat{{{9, 1.5, 4e6, 1e6}, {11, 0.25, 1e5, 0}}},
          HeartbeatReply{},
          Drain{},
          Stop{true},
          Bye{},
          Takeover{}};
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

/// The error's text.
std::string refusal(const WireMessage& message) {
  try {
    static_cast<void>(decode_message(encode(message)));
  } catch (const TransportError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Messages, NumbersOutOfRangeAreRefusedByName) {
  using ::testing::HasSubstr;
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THAT(refusal(Hello{1, -2, ""}), HasSubstr("hello: number of workers -2"));
  EXPECT_THAT(refusal(Hello{1, 4097, ""}), HasSubstr("hello: number of workers 4097"));
  EXPECT_THAT(refusal(Welcome{-1}), HasSubstr("welcome: first worker -1"));
  EXPECT_THAT(refusal(Assign{-3, {}}), HasSubstr("assign: batch -3"));
  EXPECT_THAT(refusal(Assign{0, {{-4, 1}}}), HasSubstr("assign: first run -4"));
  EXPECT_THAT(refusal(Assign{0, {{0, 0}}}), HasSubstr("assign: number of runs 0"));
  EXPECT_THAT(refusal(Assign{0, {{2, most}}}), HasSubstr("runs from 2"));
  EXPECT_THAT(refusal(Result{.batch = -5}), HasSubstr("result: batch -5"));
  EXPECT_THAT(refusal(Result{.seconds = -1}), HasSubstr("result: seconds -1"));
  EXPECT_THAT(refusal(Result{.seconds = nan}), HasSubstr("result: seconds nan"));
  EXPECT_THAT(refusal(Result{.seconds = infinity}), HasSubstr("result: seconds inf"));
  EXPECT_THAT(refusal(Result{.restored = -1}), HasSubstr("result: restored work -1"));
  EXPECT_THAT(refusal(Result{.restored = nan}), HasSubstr("result: restored work nan"));
  EXPECT_THAT(refusal(Result{.restored = infinity}), HasSubstr("result: restored work inf"));
  EXPECT_THAT(refusal(Result{.workers_left = -6}), HasSubstr("result: workers left -6"));
  EXPECT_THAT(refusal(Heartbeat{{{.batch = -7}}}), HasSubstr("heartbeat: batch -7"));
  Bytes stop = encode(Stop{});
  stop.back() = std::byte{2};
  EXPECT_THROW(static_cast<void>(decode_message(stop)), TransportError);
  for (const auto& [wrong, text] : {std::pair(-1.0, "-1"), {nan, "nan"}, {infinity, "inf"}}) {
    EXPECT_THAT(refusal(Heartbeat{{{.seconds = wrong}}}), HasSubstr(std::string("heartbeat: seconds ") + text));
    EXPECT_THAT(refusal(Heartbeat{{{.done = wrong}}}), HasSubstr(std::string("heartbeat: work done ") + text));
    EXPECT_THAT(refusal(Heartbeat{{{.restored = wrong}}}), HasSubstr(std::string("heartbeat: restored work ") + text));
  }
}

TEST(Messages, LongListsThatAreNotThereAreRefused) {
  Bytes bytes = encode(Assign{9, {{0, 4}}});
  const std::size_t count_at = 4 + 4 + 1 + 8;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(count_at), 4, std::byte{0xff});
  EXPECT_THROW(static_cast<void>(decode_message(bytes)), TransportError);
}

/// Else every change of them would be refused at the version.
TEST(Messages, SeedsOfTheFuzzerAreMessagesOfEachType) {
  std::set<std::size_t> types;
  for (const auto& seed : std::filesystem::directory_iterator(FASWEEP_MESSAGE_SEEDS)) {
    std::ifstream file(seed.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    types.insert(decode_message(std::as_bytes(std::span(text))).index());
  }
  EXPECT_EQ(types.size(), std::variant_size_v<WireMessage>);
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
