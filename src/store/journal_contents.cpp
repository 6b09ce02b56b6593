#include "store/journal_contents.hpp"

#include "util/error.hpp"

namespace fasweep {
namespace {

void take(const Frame& frame, JournalContents& contents) {
  ByteReader in(frame.payload);
  switch (frame.type) {
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
      contents.records.try_emplace(identity, JournalContents::Entry{frame.offset, skip_record(in)});
      break;
    }
    case FrameType::forget:
      contents.records.erase(in.get<std::uint64_t>());
      break;
    default:
      throw TransportError("frame of unknown type " + std::to_string(static_cast<std::uint32_t>(frame.type)));
  }
}

}  // namespace

JournalContents read_journal(std::span<const std::byte> bytes, PastDamage past_damage) {
  JournalContents contents;
  std::string unreadable;
  contents.scan = scan_journal(bytes, past_damage, [&](const Frame& frame) {
    try {
      take(frame, contents);
    } catch (const TransportError& error) {
      unreadable = "frame at offset " + std::to_string(frame.offset) + ": " + error.what();
    }
  });
  if (contents.scan.damage.empty()) {
    contents.scan.damage = unreadable;
  }
  return contents;
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
