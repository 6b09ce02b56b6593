#include "store/journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "util/bytes.hpp"
#include "util/crc.hpp"
#include "util/error.hpp"
#include "util/fault_point.hpp"

namespace fasweep {
namespace {

constexpr std::uint32_t magic = 0x6a777366;  // "fswj"
constexpr std::size_t header_size = 16;

std::uint32_t checksum(std::uint32_t type, std::span<const std::byte> payload) {
  Crc32c crc;
  const std::array<std::uint32_t, 2> head{type, static_cast<std::uint32_t>(payload.size())};
  crc.add(std::as_bytes(std::span(head)));
  crc.add(payload);
  return crc.value();
}

/// The whole frame at `offset`, or nothing.
std::optional<Frame> frame_at(std::span<const std::byte> bytes, std::size_t offset) {
  if (bytes.size() < offset + header_size) {
    return std::nullopt;
  }
  ByteReader in(bytes.subspan(offset));
  const auto found_magic = in.get<std::uint32_t>();
  const auto type = in.get<std::uint32_t>();
  const auto length = in.get<std::uint32_t>();
  const auto crc = in.get<std::uint32_t>();
  if (found_magic != magic || length > in.left()) {
    return std::nullopt;
  }
  const std::span<const std::byte> payload = in.take(length);
  if (checksum(type, payload) != crc) {
    return std::nullopt;
  }
  return Frame{static_cast<FrameType>(type), payload, static_cast<std::int64_t>(offset)};
}

/// The next whole frame at or after `offset`, wherever it begins.
std::optional<Frame> find_frame(std::span<const std::byte> bytes, std::size_t offset) {
  std::array<std::byte, sizeof magic> pattern{};
  std::memcpy(pattern.data(), &magic, sizeof magic);
  while (offset + header_size <= bytes.size()) {
    const void* found = memmem(bytes.data() + offset, bytes.size() - offset, pattern.data(), pattern.size());
    if (found == nullptr) {
      return std::nullopt;
    }
    offset = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    if (std::optional<Frame> frame = frame_at(bytes, offset)) {
      return frame;
    }
    ++offset;
  }
  return std::nullopt;
}

DamagedError changed_in_use(std::int64_t offset) {
  return DamagedError("the journal changed while it was in use (no whole frame at offset " + std::to_string(offset) +
                      "); run fasweep verify --repair");
}

std::size_t end_of(const Frame& frame) {
  return static_cast<std::size_t>(frame.offset) + header_size + frame.payload.size();
}

std::string reason() {
  return std::strerror(errno);
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe is refused, not waited for
  if (file < 0 && errno == ENOENT) {
    return;
  }
  struct stat status {};
  if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    const std::string why = file < 0 ? reason() : "not a regular file";
    if (file >= 0) {
      close(file);
    }
    throw StoreError("'" + path.string() + "' cannot be read (" + why + "); check the path and its permissions");
  }
  if (status.st_size > 0) {
    const auto size = static_cast<std::size_t>(status.st_size);
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (address == MAP_FAILED) {
      const std::string why = reason();
      close(file);
      throw StoreError("'" + path.string() + "' cannot be mapped (" + why + "); free some memory");
    }
    bytes_ = {static_cast<const std::byte*>(address), size};
  }
  close(file);
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());  // munmap takes what mmap gave, constness aside
  }
}

void MappedFile::forget_before(std::int64_t offset) const {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const std::size_t whole = static_cast<std::size_t>(offset) / page * page;
  static_cast<void>(madvise(const_cast<std::byte*>(bytes_.data()), whole, MADV_DONTNEED));  // only saves memory
}

std::string Frame::text() const {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

Bytes encode_frame(FrameType type, std::span<const std::byte> payload) {
  ByteWriter out;
  out.put(magic);
  out.put(type);
  out.put(static_cast<std::uint32_t>(payload.size()));
  out.put(checksum(static_cast<std::uint32_t>(type), payload));
  out.put_array(payload);
  return out.take();
}

JournalScan scan_journal(std::span<const std::byte> bytes, PastDamage past_damage,
                         const std::function<void(const Frame&)>& visit) {
  JournalScan scan;
  std::size_t position = 0;
  while (position < bytes.size()) {
    if (const std::optional<Frame> frame = frame_at(bytes, position)) {
      visit(*frame);
      ++scan.frames;
      position = end_of(*frame);
      scan.good_end = scan.damage.empty() ? static_cast<std::int64_t>(position) : scan.good_end;
      continue;
    }
    const std::optional<Frame> next = find_frame(bytes, position + 1);
    if (!next) {
      scan.torn_bytes = static_cast<std::int64_t>(bytes.size() - position);
      return scan;
    }
    if (scan.damage.empty()) {
      scan.damage = std::to_string(static_cast<std::size_t>(next->offset) - position) + " bytes at offset " +
                    std::to_string(position) + " are not what was written";
    }
    if (past_damage == PastDamage::stop) {
      return scan;
    }
    position = static_cast<std::size_t>(next->offset);
  }
  return scan;
}

Frame read_frame(std::span<const std::byte> bytes, std::int64_t offset) {
  const std::optional<Frame> frame = frame_at(bytes, static_cast<std::size_t>(offset));
  if (!frame) {
    throw changed_in_use(offset);
  }
  return *frame;
}

FrameReader::FrameReader(const std::filesystem::path& path) : file_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (file_ < 0) {
    throw StoreError("'" + path.string() + "' cannot be read (" + reason() + "); check the file system");
  }
}

FrameReader::~FrameReader() {
  close(file_);
}

/// Whether so many bytes from `offset` on are now in the buffer.
bool FrameReader::fill(std::int64_t offset, std::size_t size) {
  buffer_.resize(size);
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t count = pread(file_, buffer_.data() + filled, size - filled, offset + static_cast<off_t>(filled));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return false;
    }
    filled += static_cast<std::size_t>(count);
  }
  return true;
}

Frame FrameReader::read(std::int64_t offset) {
  std::uint32_t length = 0;
  struct stat status {};
  const bool has_head = fill(offset, header_size) && fstat(file_, &status) == 0;
  if (has_head) {
    std::memcpy(&length, buffer_.data() + 2 * sizeof length, sizeof length);  // after magic and type
  }
  const std::optional<Frame> frame =
      has_head && length <= status.st_size && fill(offset, header_size + length) ? frame_at(buffer_, 0) : std::nullopt;
  if (!frame) {
    throw changed_in_use(offset);
  }
  return *frame;
}

std::optional<Frame> find_first_frame(std::span<const std::byte> bytes, FrameType type) {
  std::optional<Frame> frame = find_frame(bytes, 0);
  while (frame && frame->type != type) {
    frame = find_frame(bytes, end_of(*frame));
  }
  return frame;
}

std::optional<Frame> find_only_frame(std::span<const std::byte> bytes) {
  std::optional<Frame> frame = frame_at(bytes, 0);
  return frame && end_of(*frame) == bytes.size() ? frame : std::nullopt;
}

JournalWriter::JournalWriter(std::filesystem::path path, std::int64_t end)
    : path_(std::move(path)),
      file_(open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | (end == 0 ? O_CREAT | O_EXCL : 0), 0666)),
      end_(end) {
  if (file_ < 0 && (errno == ELOOP || errno == EEXIST)) {
    throw ConfigError("'" + path_.string() + "' cannot be written (" +
                      (errno == ELOOP ? "it is a symbolic link" : "something of that name already exists") +
                      "); move it elsewhere");
  }
  if (file_ < 0) {
    throw ConfigError("'" + path_.string() + "' cannot be written (" + reason() +
                      "); choose a folder you may write to");
  }
  if (ftruncate(file_, end) != 0) {
    const std::string why = reason();
    close(file_);
    throw StoreError("'" + path_.string() + "' cannot be cut to its last whole frame (" + why +
                     "); check the file system");
  }
}

JournalWriter::~JournalWriter() {
  close(file_);
}

std::int64_t JournalWriter::append(FrameType type, std::string_view text) {
  return append(type, std::as_bytes(std::span(text)));
}

std::int64_t JournalWriter::append(FrameType type, std::span<const std::byte> payload) {
  const std::int64_t offset = end_;
  fault_point("frame-begins");
  write_all(encode_frame(type, payload));
  fault_point("frame-written");
  dirty_ = true;
  return offset;
}

void JournalWriter::write_all(std::span<const std::byte> bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count =
        pwrite(file_, bytes.data() + written, bytes.size() - written, end_ + static_cast<off_t>(written));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      const std::string why = count == 0 ? "nothing was written" : reason();
      // A cut that fails too leaves a torn tail, which the next start drops.
      static_cast<void>(!ftruncate(file_, end_));
      throw StoreError("'" + path_.string() + "' cannot grow (" + why +
                       "); what was recorded is kept: free some disk space and run the same command again");
    }
    written += static_cast<std::size_t>(count);
  }
  end_ += static_cast<std::int64_t>(bytes.size());
}

void JournalWriter::sync() {
  fault_point("sync-begins");
  if (dirty_ && fdatasync(file_) != 0) {
    throw StoreError("'" + path_.string() + "' cannot be forced to disk (" + reason() +
                     "); check the disk and run the same command again");
  }
  dirty_ = false;
}

std::filesystem::path keep_aside(const std::filesystem::path& path, const std::string& word) {
  std::filesystem::path aside = path.string() + "." + word;
  for (int number = 2; std::filesystem::exists(std::filesystem::symlink_status(aside)); ++number) {
    aside = path.string() + "." + word + "." + std::to_string(number);
  }
  std::filesystem::rename(path, aside);
  sync_folder_of(path);
  return aside;
}

void sync_file(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  const std::string why = synced ? "" : reason();
  if (file >= 0) {
    close(file);
  }
  if (!synced) {
    throw StoreError("'" + path.string() + "' cannot be forced to disk (" + why + "); check the disk");
  }
}

void sync_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file >= 0) {
    // Some network file systems cannot; the rename itself has happened.
    static_cast<void>(fsync(file));
    close(file);
  }
}

}  // namespace fasweep
