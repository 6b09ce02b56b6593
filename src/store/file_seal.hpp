// The seal of a file: a checksum over all of its bytes, in 32 more bytes behind them. HDF5 knows where its file ends
// and neither reads nor keeps what lies behind: another program that writes to the file drops the seal.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace fasweep {

/// Appends the seal. Throws StoreError.
void seal_file(const std::filesystem::path& path);

enum class SealState {
  none,   // never sealed, or another program has written to the file since
  whole,  // every byte is what was sealed
  broken  // bytes were changed, lost or added
};

/// What a file's seal says of its bytes, all of which are read.
[[nodiscard]] SealState check_seal(std::span<const std::byte> file);

}  // namespace fasweep
