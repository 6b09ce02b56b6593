#include "cluster/local_transport.hpp"

#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep {
namespace {

using ::testing::ElementsAre;

TEST(LocalTransport, EveryRankLearnsTheSmallestNumberTimeAfterTime) {
  const std::vector<std::unique_ptr<Transport>> ranks = make_local_transports(3);
  const std::vector<std::vector<int>> numbers{{5, 1, 7}, {3, 4, 2}, {6, 9, 8}};
  std::vector<std::future<std::vector<int>>> told;
  for (const auto& rank : ranks) {
    told.push_back(std::async(std::launch::async, [&numbers, &rank] {
      std::vector<int> smallest;
      for (const std::vector<int>& of_ranks : numbers) {
        smallest.push_back(rank->smallest(of_ranks[static_cast<std::size_t>(rank->rank())]));
      }
      return smallest;
    }));
  }

  for (auto& one : told) {
    EXPECT_THAT(one.get(), ElementsAre(1, 2, 6));
  }
}

}  // namespace
}  // namespace fasweep
