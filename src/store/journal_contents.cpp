#include "store/journal_contents.hpp"

#include "util/error.hpp"

namespace fasweep {
namespace {

void take(const Frame& frame, JournalContents& contents, const JournalListener& listener) {
  ByteReader in(frame.payload);
  switch (frame.type) {
    case FrameType::format:
      if (const auto version = in.get<std::uint32_t>(); version > journal_version) {
        throw ConfigError("the journal is of version " + std::to_string(version) + " (this program knows up to " +
                          std::to_string(journal_version) + "); use the version of fasweep that wrote it");
      }
      break;
    case FrameType::plan:
      contents.job_text = frame.text();
      break;
    case FrameType::session:
      contents.sessions += frame.text() + "\n";
      break;
    case FrameType::agent:
      contents.agents += frame.text() + "\n";
      break;
    case FrameType::record: {
      const auto identity = in.get<std::uint64_t>();
      const RecordHeader header = skip_record(in);
      if (in.left() > 0 || header.status == RunStatus::pending) {
        throw TransportError(in.left() > 0 ? "record with " + std::to_string(in.left()) + " bytes too many"
                                           : "record of a run that claims to be pending");
      }
      listener.record(identity, {frame.offset, header});
      break;
    }
    case FrameType::forget:
      listener.forget(in.get<std::uint64_t>());
      break;
    default:
      throw TransportError("frame of unknown type " + std::to_string(static_cast<std::uint32_t>(frame.type)));
  }
}

}  // namespace

JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage) {
  std::unordered_map<std::uint64_t, JournalContents::Entry> records;
  std::unordered_set<std::uint64_t> forgotten;
  JournalContents contents = read_journal(bytes, past_damage,
                                          {.record =
                                               [&](std::uint64_t identity, const JournalContents::Entry& entry) {
                                                 records.try_emplace(identity, entry);
                                                 forgotten.erase(identity);
                                               },
                                           .forget =
                                               [&](std::uint64_t identity) {
                                                 records.erase(identity);
                                                 forgotten.insert(identity);
                                               }});
  contents.records = std::move(records);
  contents.forgotten = std::move(forgotten);
  return contents;
}

JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage,
                             const JournalListener& listener) {
  JournalContents contents;
  std::string unreadable;
  contents.scan = scan_journal(bytes, past_damage, [&](const Frame& frame) {
    try {
      take(frame, contents, listener);
    } catch (const TransportError& error) {
      unreadable = "frame at offset " + std::to_string(frame.offset) + ": " + error.what();
    }
  });
  if (contents.scan.damage.empty()) {
    contents.scan.damage = unreadable;
  }
  return contents;
}

Bytes make_format_payload() {
  ByteWriter out;
  out.put(journal_version);
  return out.take();
}

JournalRecord read_record(const Frame& frame) {
  ByteReader in(frame.payload);
  const auto identity = in.get<std::uint64_t>();
  return {identity, decode_record(in)};
}

Bytes make_record_payload(std::uint64_t identity, std::span<const std::byte> encoded) {
  ByteWriter out;
  out.put(identity);
  out.put_array(encoded);
  return out.take();
}

}  // namespace fasweep
