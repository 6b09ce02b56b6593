// The journal beside a result file: an append-only file of checksummed frames, the source of truth while a sweep runs.
// Knows frames, not what is in them.
//
// Frame, little-endian: magic "fswj", type (uint32), payload length (uint32), CRC-32C of type, length and payload
// (uint32), payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "util/bytes.hpp"

namespace fasweep {

enum class FrameType : std::uint32_t {
  plan = 1,        // resolved job text, repeated now and then; the last one counts
  session = 2,     // one line of provenance: a start of the program
  agent = 3,       // one line of provenance: a rank that took part
  record = 4,      // run identity (uint64), then the record's encoding (train/record.hpp)
  forget = 5,      // run identity (uint64) whose records so far no longer count
  checkpoint = 6,  // not in journals: the frame a checkpoint file consists of (store/checkpoint_files.hpp)
  format = 7       // version of the records' encoding (uint32); journals without it are of version 1
};

/// A read-only mapping of a whole file; empty if the file does not exist. Throws StoreError if it cannot be read.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  /// Releases the memory of what has been read; it is read from the file again if needed.
  void forget_before(std::int64_t offset) const;

 private:
  std::span<const std::byte> bytes_;
};

struct Frame {
  FrameType type = FrameType::plan;
  std::span<const std::byte> payload;
  std::int64_t offset = 0;  // of the frame in the file

  [[nodiscard]] std::string text() const;
};

/// What reading a journal found.
struct JournalScan {
  std::int64_t frames = 0;
  std::int64_t good_end = 0;    // end of the last frame before anything bad
  std::int64_t torn_bytes = 0;  // an unfinished frame at the end, as a killed writer leaves it
  std::string damage;           // not empty: bytes in the middle were changed; whole frames follow them
};

/// The bytes of a frame.
[[nodiscard]] Bytes encode_frame(FrameType type, std::span<const std::byte> payload);

/// Calls `visit` for every frame before the first bad one; after damage, which `damage` then describes, continues with
/// the whole frames that follow only if `past_damage`. Survives any bytes.
enum class PastDamage { stop, go_on };
[[nodiscard]] JournalScan scan_journal(std::span<const std::byte> bytes, PastDamage past_damage,
                                       const std::function<void(const Frame&)>& visit);

/// The frame at `offset`, which scan_journal() reported. Throws DamagedError if it is no longer whole.
[[nodiscard]] Frame read_frame(std::span<const std::byte> bytes, std::int64_t offset);

/// Reads single frames of a journal that grows meanwhile; none of it stays in memory.
class FrameReader {
 public:
  /// Throws StoreError if the file cannot be opened.
  explicit FrameReader(const std::filesystem::path& path);
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  /// The frame at `offset`, which lives until the next call. Throws DamagedError if it is not whole.
  [[nodiscard]] Frame read(std::int64_t offset);

 private:
  [[nodiscard]] bool fill(std::int64_t offset, std::size_t size);

  int file_;
  Bytes buffer_;
};

/// The first whole frame of this type, damage before it or not.
[[nodiscard]] std::optional<Frame> find_first_frame(std::span<const std::byte> bytes, FrameType type);

/// The frame that a file of a single frame consists of; nullopt if it is not whole or something follows.
[[nodiscard]] std::optional<Frame> find_only_frame(std::span<const std::byte> bytes);

/// Appends frames. Throws StoreError when a frame cannot be written (no space, I/O error); the file then still ends
/// with the last whole frame.
class JournalWriter {
 public:
  /// Opens the file and cuts it to `end` bytes, the end of its last whole frame. With end = 0 the file is a new one,
  /// and nothing of that name may exist. Symbolic links are not followed.
  JournalWriter(std::filesystem::path path, std::int64_t end);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  /// Returns the frame's offset. On return the frame survives the death of this process; after sync() that of the
  /// machine.
  std::int64_t append(FrameType type, std::span<const std::byte> payload);
  std::int64_t append(FrameType type, std::string_view text);

  /// Where the next frame goes.
  [[nodiscard]] std::int64_t end() const { return end_; }

  /// fdatasync, if anything was appended since the last one.
  void sync();

 private:
  void write_all(std::span<const std::byte> bytes);

  std::filesystem::path path_;
  int file_;
  std::int64_t end_;
  bool dirty_ = false;
};

/// Renames an existing file to the first free one of PATH.WORD, PATH.WORD.2, ... and returns that name.
std::filesystem::path keep_aside(const std::filesystem::path& path, const std::string& word);

/// fsync of a file that something else has written. Throws StoreError.
void sync_file(const std::filesystem::path& path);

/// fsync of the folder, so that a created, renamed or removed file stays so.
void sync_folder_of(const std::filesystem::path& path);

}  // namespace fasweep
