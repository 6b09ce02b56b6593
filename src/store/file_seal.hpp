// The seal of a file: a checksum over all of its bytes, in 32 more bytes after them. HDF5 knows where its file ends
// and neither reads nor keeps what follows: another program that writes to the file drops the seal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace fasweep {

/// Appends the seal. Throws StoreError.
void seal_file(const std::filesystem::path& path);

enum class SealState {
  none,   // never sealed, or another program has written to the file since
  whole,  // every byte is what was sealed
  broken  // bytes were changed, lost or added
};

/// What a file's seal says of its bytes, all of which are read. read_up_to: called now and then with the number of
/// bytes read so far.
[[nodiscard]] SealState check_seal(
    std::span<const std::byte> file, const std::function<void(std::int64_t bytes)>& read_up_to = [](std::int64_t) {});

}  // namespace fasweep
