// What a journal says once replayed: the plan, the provenance, and where the record of each run is.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

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
};

/// Replays whole frames. Frames whose payload cannot be read count as damage.
[[nodiscard]] JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage);

/// Identity and record of a record frame. Throws TransportError on other bytes.
struct JournalRecord {
  std::uint64_t identity = 0;
  RunRecord record;
};
[[nodiscard]] JournalRecord read_record(const Frame& frame);

/// Payload of a record frame.
[[nodiscard]] Bytes make_record_payload(std::uint64_t identity, std::span<const std::byte> encoded);

}  // namespace fasweep
