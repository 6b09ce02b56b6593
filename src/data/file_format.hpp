// What a file is by its first bytes, so that one of another kind is refused by its name and with the command that
// converts it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fasweep {

/// Those that are read.
enum class FileFormat { text, hdf5, idx };

/// Throws ConfigError if `bytes`, the first of a file or all of it, begin as another format than `expected` does; of
/// text also if they hold what no text does. `origin` names the file.
void refuse_foreign(std::span<const std::uint8_t> bytes, FileFormat expected, const std::string& origin);

}  // namespace fasweep
