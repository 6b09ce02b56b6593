// A file that is published while records come in. Publications can be held up at a fault point, as by a slow disk.
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/store_case.hpp"
#include "util/error.hpp"
#include "util/fault_point.hpp"

namespace fasweep {
namespace {

using testing::add;
using testing::Folder;
using testing::make_plan;
using testing::make_record;
using testing::session;

/// Lets a publication go no further than its draft until it is opened.
class Gate {
 public:
  /// On the thread that publishes; only the one that made the gate is never stopped.
  void pass() {
    std::unique_lock lock(mutex_);
    if (std::this_thread::get_id() == owner_) {
      published_by_owner_ = true;
      return;
    }
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }

  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  /// Whether a publication has come to the gate, at the latest after some seconds.
  [[nodiscard]] bool wait_for_arrival() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [this] { return arrived_ > 0; });
  }

  [[nodiscard]] bool published_by_owner() const { return published_by_owner_; }

 private:
  const std::thread::id owner_ = std::this_thread::get_id();
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
  bool published_by_owner_ = false;
};

Gate* gate = nullptr;

class Publication : public ::testing::Test {
 protected:
  Publication() { gate = &gate_; }
  ~Publication() override { gate = nullptr; }

  [[nodiscard]] static StoreOptions at_once() {
    StoreOptions options;
    options.first_publish_s = 0;
    return options;
  }

  /// Ticks until the file is there, at the latest for some seconds.
  [[nodiscard]] bool tick_until_published(ResultStore& store) const {
    for (int i = 0; i < 20'000 && !std::filesystem::exists(file_); ++i) {
      store.tick();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return std::filesystem::exists(file_);
  }

  Folder folder_;
  Gate gate_;
  const std::filesystem::path file_ = folder_ / "out.h5";
  const Plan plan_ = make_plan();
};

TEST_F(Publication, RecordsComeInWhileTheFileIsWritten) {
  ResultStore store(file_, plan_, at_once(), session());
  add(store, make_record(plan_, 3));
  store.tick();
  ASSERT_TRUE(gate_.wait_for_arrival()) << "nothing is published beside the caller";
  for (std::int64_t run = 4; run < plan_.size(); ++run) {
    add(store, make_record(plan_, run));
    store.tick();
    store.sync();
  }
  EXPECT_FALSE(std::filesystem::exists(file_));

  gate_.open();

  ASSERT_TRUE(tick_until_published(store));
  EXPECT_EQ(ResultFile(file_).counts()[static_cast<std::size_t>(RunStatus::done)], 1) << "what there was when it began";
  for (std::int64_t run = 0; run < 3; ++run) {
    add(store, make_record(plan_, run));
  }
  store.finish();
  EXPECT_TRUE(ResultFile(file_).complete());
  EXPECT_THAT(verify(file_, Repair::no).problems, ::testing::IsEmpty());
  EXPECT_FALSE(gate_.published_by_owner());
}

TEST_F(Publication, EndDoesNotWaitAndTakesInWhatCameSince) {
  ResultStore store(file_, plan_, {}, session());
  for (std::int64_t run = 1; run < plan_.size(); ++run) {
    add(store, make_record(plan_, run));
  }
  EXPECT_FALSE(store.try_finish());
  ASSERT_TRUE(gate_.wait_for_arrival());
  add(store, make_record(plan_, 0));  // of a rank that was lost, say
  EXPECT_FALSE(store.try_finish());

  gate_.open();
  while (!store.try_finish()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  EXPECT_TRUE(ResultFile(file_).complete());
  EXPECT_FALSE(std::filesystem::exists(journal_path(file_)));
  EXPECT_TRUE(store.try_finish());
  add(store, make_record(plan_, 0));  // too late to be compared
  store.note_agent("too late");
  store.tick();
}

TEST_F(Publication, SnapshotUnderWayIsNotWaitedForAtTheEnd) {
  gate_.open();
  ResultStore store(file_, plan_, at_once(), session());
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    add(store, make_record(plan_, run));
    store.tick();
  }

  store.finish();

  EXPECT_TRUE(ResultFile(file_).complete());
  EXPECT_FALSE(std::filesystem::exists(file_.string() + ".new"));
}

TEST_F(Publication, ErrorReachesTheCallerAndNothingIsLost) {
  gate_.open();
  const std::filesystem::path draft = file_.string() + ".new";
  {
    ResultStore store(file_, plan_, at_once(), session());
    add(store, make_record(plan_, 3));
    std::filesystem::create_directory(draft);  // where no file can be written
    EXPECT_THROW(
        {
          for (int i = 0; i < 20'000; ++i) {
            store.tick();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        },
        StoreError);
  }
  std::filesystem::remove(draft);

  ResultStore store(file_, plan_, {}, session());
  EXPECT_TRUE(store.has(3));
  store.finish();
  EXPECT_EQ(ResultFile(file_).counts()[static_cast<std::size_t>(RunStatus::done)], 1);
}

TEST_F(Publication, EndWritesAgainWhatASnapshotHad) {
  gate_.open();
  ResultStore store(file_, plan_, at_once(), session());
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    add(store, make_record(plan_, run));
  }
  ASSERT_TRUE(tick_until_published(store));
  for (int i = 0; i < 20; ++i) {  // the store has heard of it
    store.tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::filesystem::remove(file_);  // by somebody else, long after

  store.finish();

  EXPECT_TRUE(ResultFile(file_).complete());
}

TEST_F(Publication, NothingNewIsNotPublishedAgain) {
  gate_.open();
  ResultStore store(file_, plan_, at_once(), session());
  add(store, make_record(plan_, 3));
  ASSERT_TRUE(tick_until_published(store));
  std::filesystem::remove(file_);  // to see when it comes back

  for (int i = 0; i < 300; ++i) {
    store.tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_FALSE(std::filesystem::exists(file_));

  add(store, make_record(plan_, 4));
  EXPECT_TRUE(tick_until_published(store));
}

}  // namespace

void fault_point(std::string_view name) noexcept {
  if (gate != nullptr && name == "file-drafted") {
    gate->pass();
  }
}

}  // namespace fasweep
