#include "store/journal.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/journal_contents.hpp"
#include "store/store_case.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::Folder;
using testing::read_bytes;

std::vector<std::string> texts(std::span<const std::byte> bytes, PastDamage past_damage = PastDamage::stop) {
  std::vector<std::string> found;
  static_cast<void>(scan_journal(bytes, past_damage, [&](const Frame& frame) { found.push_back(frame.text()); }));
  return found;
}

const std::vector<std::string> three_frames{"first", "the second frame", "third"};

Bytes make_journal(const Folder& folder) {
  JournalWriter writer(folder / "journal", 0);
  for (const std::string& text : three_frames) {
    writer.append(FrameType::session, text);
  }
  writer.sync();
  return read_bytes(folder / "journal");
}

TEST(Journal, FramesComeBackInOrder) {
  const Folder folder;
  const Bytes bytes = make_journal(folder);

  EXPECT_THAT(texts(bytes), ElementsAreArray(three_frames));
  const JournalScan scan = scan_journal(bytes, PastDamage::stop, [](const Frame&) {});
  EXPECT_EQ(scan.frames, 3);
  EXPECT_EQ(scan.good_end, static_cast<std::int64_t>(bytes.size()));
  EXPECT_EQ(scan.torn_bytes, 0);
  EXPECT_TRUE(scan.damage.empty());
}

TEST(Journal, EveryTruncationKeepsTheWholeFramesBeforeIt) {
  const Folder folder;
  const Bytes bytes = make_journal(folder);
  const std::vector<std::size_t> ends{0, 16 + 5, 2 * 16 + 5 + 16, bytes.size()};
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::span<const std::byte> cut = std::span<const std::byte>(bytes).first(size);
    std::size_t whole = 0;
    while (whole < 3 && ends[whole + 1] <= size) {
      ++whole;
    }
    EXPECT_THAT(texts(cut),
                ElementsAreArray(three_frames.begin(), three_frames.begin() + static_cast<std::ptrdiff_t>(whole)));
    const JournalScan scan = scan_journal(cut, PastDamage::stop, [](const Frame&) {});
    EXPECT_EQ(scan.torn_bytes, static_cast<std::int64_t>(size - ends[whole]));
    EXPECT_TRUE(scan.damage.empty());
  }
}

TEST(Journal, EveryFlippedBitIsSeenAndNothingWrongIsAccepted) {
  const Folder folder;
  const Bytes bytes = make_journal(folder);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes flipped = bytes;
      flipped[i] ^= static_cast<std::byte>(1 << bit);
      const std::size_t frame = i < 21 ? 0 : i < 53 ? 1 : 2;
      EXPECT_THAT(texts(flipped),
                  ElementsAreArray(three_frames.begin(), three_frames.begin() + static_cast<std::ptrdiff_t>(frame)));
      const JournalScan scan = scan_journal(flipped, PastDamage::stop, [](const Frame&) {});
      EXPECT_EQ(scan.damage.empty(), frame == 2) << "damage in the middle is told from an unfinished end";
      std::vector<std::string> rest = three_frames;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(frame));
      EXPECT_EQ(texts(flipped, PastDamage::go_on), rest) << "the frames after the damage are still there";
    }
  }
}

/// The journal of an unfinished sweep with one record of each of `runs` runs.
Bytes make_sweep_journal(const Folder& folder, const Plan& plan, std::int64_t runs) {
  {
    ResultStore store(folder / "out.h5", plan, {}, testing::session());
    for (std::int64_t run = 0; run < runs; ++run) {
      testing::add(store, testing::make_record(plan, run));
    }
  }
  return read_bytes(folder / "out.h5.journal");
}

/// Every record there is is what was added. Returns how many of the first records are there without a gap.
std::int64_t count_right_records(std::span<const std::byte> bytes, const Plan& plan, PastDamage past_damage) {
  const JournalContents contents = read_journal(bytes, past_damage);
  std::map<std::uint64_t, std::int64_t> row_of;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    row_of.emplace(plan.identity(run), run);
  }
  for (const auto& [identity, entry] : contents.records) {
    const RunRecord record = read_record(read_frame(bytes, entry.offset)).record;
    const RunRecord expected = testing::make_record(plan, row_of.at(identity));
    EXPECT_EQ(record.trajectory, expected.trajectory);
    EXPECT_EQ(record.final_values, expected.final_values);
    EXPECT_EQ(record.steps, expected.steps);
  }
  std::int64_t first = 0;
  while (first < plan.size() && contents.records.contains(plan.identity(first))) {
    ++first;
  }
  return first;
}

/// Ends of the frames.
std::vector<std::int64_t> frame_ends(std::span<const std::byte> bytes) {
  std::vector<std::int64_t> ends;
  static_cast<void>(scan_journal(bytes, PastDamage::stop, [&](const Frame& frame) {
    ends.push_back(frame.offset + 16 + static_cast<std::int64_t>(frame.payload.size()));
  }));
  return ends;
}

TEST(Journal, SweepCutAtAnyByteOfItsLastFramesGoesOnWithTheRecordsBefore) {
  const Folder folder;
  const Plan plan = testing::make_plan();
  constexpr std::int64_t runs = 4;
  const Bytes bytes = make_sweep_journal(folder, plan, runs);
  const std::vector<std::int64_t> ends = frame_ends(bytes);
  for (std::int64_t size = ends[ends.size() - 3]; size <= ends.back(); ++size) {
    testing::write_bytes(folder / "out.h5.journal", std::span(bytes).first(static_cast<std::size_t>(size)));
    std::vector<std::string> warnings;
    const ResultStore store(folder / "out.h5", plan, testing::collecting(warnings), testing::session());
    const bool between_frames = std::find(ends.begin(), ends.end(), size) != ends.end();
    const std::int64_t whole = runs - std::count_if(ends.begin(), ends.end(), [&](std::int64_t e) { return e > size; });

    EXPECT_EQ(store.counts()[1], whole) << size;
    EXPECT_EQ(warnings.empty(), between_frames) << size;
    EXPECT_EQ(count_right_records(read_bytes(folder / "out.h5.journal"), plan, PastDamage::stop), whole);
  }
}

TEST(Journal, SweepWithAnyBitFlippedKeepsTheRecordsBeforeAndTrustsNoWrongOne) {
  const Folder folder;
  const Plan plan = testing::make_plan();
  constexpr std::int64_t runs = 4;
  const Bytes bytes = make_sweep_journal(folder, plan, runs);
  const std::vector<std::int64_t> ends = frame_ends(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes flipped = bytes;
    flipped[i] ^= static_cast<std::byte>(1U << i % 8);
    const auto before = std::count_if(ends.begin() + 4, ends.end(),  // after format, the plan twice, and session
                                      [&](std::int64_t end) { return end <= static_cast<std::int64_t>(i); });

    EXPECT_EQ(count_right_records(flipped, plan, PastDamage::stop), before) << i;
    EXPECT_GE(count_right_records(flipped, plan, PastDamage::go_on), before) << i;
    const JournalContents contents = read_journal(flipped, PastDamage::stop);
    EXPECT_NE(contents.scan.damage.empty(), contents.scan.torn_bytes == 0)
        << "reported one way or the other, byte " << i;
  }
}

TEST(Journal, WriterCutsAnUnfinishedEnd) {
  const Folder folder;
  Bytes bytes = make_journal(folder);
  bytes.resize(bytes.size() - 3);
  testing::write_bytes(folder / "journal", bytes);
  const JournalScan scan = scan_journal(bytes, PastDamage::stop, [](const Frame&) {});

  JournalWriter(folder / "journal", scan.good_end).append(FrameType::session, "third again");

  EXPECT_THAT(texts(read_bytes(folder / "journal")), ElementsAre("first", "the second frame", "third again"));
}

TEST(Journal, FullDiskKeepsWholeFramesAndSaysSo) {
  const Folder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{100, before.rlim_max};
  JournalWriter writer(folder / "journal", 0);
  writer.append(FrameType::session, "fits");

  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(writer.append(FrameType::session, std::string(200, 'x')), StoreError);
  setrlimit(RLIMIT_FSIZE, &before);

  EXPECT_THAT(texts(read_bytes(folder / "journal")), ElementsAre("fits"));
  writer.append(FrameType::session, "room again");
  EXPECT_THAT(texts(read_bytes(folder / "journal")), ElementsAre("fits", "room again"));
}

TEST(Journal, FirstRecordOfARunCountsUntilItIsForgotten) {
  const Folder folder;
  const Plan plan = testing::make_plan();
  const auto payload = [&](double wall_s) {
    ByteWriter out;
    encode(testing::make_record(plan, 0, wall_s), out);
    return make_record_payload(77, out.view());
  };
  ByteWriter identity;
  identity.put(std::uint64_t{77});
  JournalWriter writer(folder / "journal", 0);
  writer.append(FrameType::record, payload(1));
  writer.append(FrameType::record, payload(2));
  EXPECT_EQ(read_journal(read_bytes(folder / "journal"), PastDamage::stop).records.at(77).header.wall_s, 1);

  writer.append(FrameType::forget, identity.view());
  EXPECT_TRUE(read_journal(read_bytes(folder / "journal"), PastDamage::stop).records.empty());

  writer.append(FrameType::record, payload(3));
  EXPECT_EQ(read_journal(read_bytes(folder / "journal"), PastDamage::stop).records.at(77).header.wall_s, 3);
}

TEST(FrameReader, ReadsWhatIsAppendedAndRefusesWhatIsNoFrame) {
  const Folder folder;
  JournalWriter writer(folder / "journal", 0);
  const std::int64_t first = writer.append(FrameType::session, "one");
  FrameReader reader(folder / "journal");
  const std::int64_t second = writer.append(FrameType::session, "another");

  EXPECT_EQ(reader.read(second).text(), "another");
  EXPECT_EQ(reader.read(first).text(), "one");
  for (const std::int64_t other : {first + 1, writer.end() - 1, writer.end(), writer.end() + 100}) {
    EXPECT_THROW(static_cast<void>(reader.read(other)), DamagedError) << other;
  }
  EXPECT_THROW(FrameReader(folder / "none"), StoreError);
}

}  // namespace
}  // namespace fasweep
