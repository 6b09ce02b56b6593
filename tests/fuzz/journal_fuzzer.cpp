// Journals: any bytes are survived. Once as they are, and once as the payloads of sound frames, which random bytes
// would never be: first byte the type of the frame, second its length, then the payload.
#include <algorithm>

#include "fuzz/fuzzer.hpp"
#include "store/journal_contents.hpp"
#include "util/error.hpp"

namespace {

using namespace fasweep;

void read_all(std::span<const std::byte> bytes) {
  for (const PastDamage past_damage : {PastDamage::stop, PastDamage::go_on}) {
    const JournalContents contents = read_journal(bytes, past_damage);
    testing::require(contents.scan.good_end <= static_cast<std::int64_t>(bytes.size()), "the end is within the bytes");
    for (const auto& [identity, entry] : contents.records) {
      const JournalRecord record = read_record(read_frame(bytes, entry.offset));
      testing::require(record.identity == identity, "a record is the one that was found");
      testing::require(record.record.status == entry.header.status, "header and record agree");
    }
  }
}

Bytes frames_of(std::span<const std::byte> bytes) {
  Bytes journal;
  while (bytes.size() > 2) {
    const std::size_t size = std::min<std::size_t>(static_cast<std::uint8_t>(bytes[1]), bytes.size() - 2);
    const Bytes frame = encode_frame(static_cast<FrameType>(bytes[0]), bytes.subspan(2, size));
    journal.insert(journal.end(), frame.begin(), frame.end());
    bytes = bytes.subspan(2 + size);
  }
  return journal;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  for (const Bytes& journal : {Bytes(bytes.begin(), bytes.end()), frames_of(bytes)}) {
    try {
      read_all(journal);
    } catch (const ConfigError&) {  // of a later version than the program knows
    }
  }
  return 0;
}
