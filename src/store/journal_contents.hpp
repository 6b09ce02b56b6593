// What a journal says once replayed: the plan, the provenance, and where the record of each run is.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "store/journal.hpp"
#include "train/record.hpp"

namespace fasweep {

struct JournalContents {
  struct Entry {
    std::int64_t offset = 0;  // of the record's frame
    RecordHeader header;
  };

  JournalScan scan;
  std::string job_text;                              // of the last plan frame; empty if none is whole
  std::string sessions;                              // lines
  std::string agents;                                // lines
  std::unordered_map<std::uint64_t, Entry> records;  // by run identity: the first record that was not forgotten
  std::unordered_set<std::uint64_t> forgotten;       // identities without a record since
};

/// Version of what the frames of a journal hold. Changes whenever that or its meaning does, the record's encoding above
/// all; journals of earlier versions are read.
inline constexpr std::uint32_t journal_version = 3;
[[nodiscard]] Bytes make_format_payload();

/// What a journal says of its runs, in the order in which it was said.
struct JournalListener {
  std::function<void(std::uint64_t identity, const JournalContents::Entry& entry)> record;
  std::function<void(std::uint64_t identity)> forget;
};

/// Replays whole frames. Frames whose payload cannot be read count as damage. Throws ConfigError if a later version of
/// fasweep wrote the journal.
[[nodiscard]] JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage);

/// The same for those who keep less of the records, or nothing: `records` and `forgotten` of the result are empty.
[[nodiscard]] JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage,
                                           const JournalListener& listener);

/// Identity and record of a record frame. Throws TransportError on other bytes.
struct JournalRecord {
  std::uint64_t identity = 0;
  RunRecord record;
};
[[nodiscard]] JournalRecord read_record(const Frame& frame);

/// Payload of a record frame.
[[nodiscard]] Bytes make_record_payload(std::uint64_t identity, std::span<const std::byte> encoded);

}  // namespace fasweep
