#include "store/file_lock.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "store/store_case.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

TEST(FileLock, NeverHasTwoHolders) {
  // Between a holder that removes the file and one that comes, a third may have opened the old file.
  const testing::Folder folder;
  std::atomic<int> holders = 0;
  std::atomic<int> taken = 0;
  std::atomic<bool> shared = false;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int attempt = 0; attempt < 20000; ++attempt) {
        try {
          const FileLock lock(folder / "lock", "", [](const std::string&) {});
          shared = ++holders > 1 || shared;
          ++taken;
          std::this_thread::sleep_for(std::chrono::microseconds(20));
          --holders;
        } catch (const ConfigError&) {
          continue;  // held by another
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_GT(taken, 0);
  EXPECT_FALSE(shared);
}

}  // namespace
}  // namespace fasweep
