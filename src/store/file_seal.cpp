#include "store/file_seal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "store/journal.hpp"
#include "util/bytes.hpp"
#include "util/crc.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

constexpr std::uint64_t seal_magic = 0x316c616573777366;  // "fswseal1"
constexpr std::size_t seal_size = 32;

using ReadUpTo = std::function<void(std::int64_t bytes)>;

std::uint64_t crc64_of(std::span<const std::byte> bytes) {
  Crc64 crc;
  crc.add(bytes);
  return crc.value();
}

/// Magic, length and checksum of the contents, checksum of these three.
Bytes make_seal(std::span<const std::byte> contents, const ReadUpTo& read_up_to) {
  constexpr std::size_t piece_bytes = std::size_t{1} << 22U;
  Crc64 crc;
  for (std::size_t at = 0; at < contents.size(); at += piece_bytes) {
    crc.add(contents.subspan(at, std::min(piece_bytes, contents.size() - at)));
    read_up_to(static_cast<std::int64_t>(at));
  }
  ByteWriter out;
  out.put(seal_magic);
  out.put(static_cast<std::uint64_t>(contents.size()));
  out.put(crc.value());
  out.put(crc64_of(out.view()));
  return out.take();
}

/// Whether the bytes end in a seal, of whatever contents.
bool has_seal(std::span<const std::byte> file) {
  if (file.size() < seal_size) {
    return false;
  }
  const std::span<const std::byte> seal = file.last(seal_size);
  ByteReader in(seal);
  const auto found_magic = in.get<std::uint64_t>();
  const auto length = in.get<std::uint64_t>();
  static_cast<void>(in.get<std::uint64_t>());
  return found_magic == seal_magic && length == file.size() - seal_size &&
         in.get<std::uint64_t>() == crc64_of(seal.first(seal_size - sizeof(std::uint64_t)));
}

/// Where HDF5 says that its file ends (HDF5 File Format Specification, "Superblock"); nullopt if it is not HDF5.
std::optional<std::uint64_t> end_of_hdf5(std::span<const std::byte> file) {
  constexpr std::array<unsigned char, 8> signature{0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  constexpr std::size_t version_at = 8;
  constexpr std::size_t longest = 48;
  if (file.size() < longest || std::memcmp(file.data(), signature.data(), signature.size()) != 0) {
    return std::nullopt;
  }
  const auto version = static_cast<std::uint8_t>(file[version_at]);
  constexpr std::size_t end_in_old = 40;  // versions 0 and 1, the latter with 4 bytes more before it
  constexpr std::size_t end_in_new = 28;
  const std::size_t at = version == 0 ? end_in_old : end_in_new;
  if (version == 1 || version > 3) {
    return std::nullopt;
  }
  ByteReader in(file.subspan(at));
  return in.get<std::uint64_t>();
}

}  // namespace

void seal_file(const std::filesystem::path& path) {
  Bytes seal;
  {
    const MappedFile map(path);
    seal = make_seal(map.bytes(), [&](std::int64_t bytes) { map.forget_before(bytes); });
  }
  const int file = open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
  const ssize_t written = file < 0 ? -1 : write(file, seal.data(), seal.size());
  const int why = written < 0 ? errno : ENOSPC;
  if (file >= 0) {
    close(file);
  }
  if (written != static_cast<ssize_t>(seal.size())) {
    throw StoreError("'" + path.string() + "' cannot be sealed (" + std::strerror(why) + "); check the disk");
  }
}

SealState check_seal(std::span<const std::byte> file, const ReadUpTo& read_up_to) {
  if (has_seal(file)) {
    const std::span<const std::byte> contents = file.first(file.size() - seal_size);
    const Bytes seal = make_seal(contents, read_up_to);
    return std::equal(seal.begin(), seal.end(), file.last(seal_size).begin()) ? SealState::whole : SealState::broken;
  }
  const std::optional<std::uint64_t> end = end_of_hdf5(file);
  return !end || *end == file.size() ? SealState::none : SealState::broken;
}

}  // namespace fasweep
