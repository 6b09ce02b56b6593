// The bytes of a file, plain or gzip. What a file is follows from its content, never from its name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fasweep {

using FileBytes = std::vector<std::uint8_t>;

/// The content of `path`, decompressed if it begins as gzip does. Throws ConfigError naming the path.
[[nodiscard]] FileBytes read_file(const std::string& path);

/// All members of a gzip file. `origin` names it in messages; throws ConfigError on corrupt, truncated or left-over
/// bytes.
[[nodiscard]] FileBytes decompress(std::span<const std::uint8_t> compressed, const std::string& origin);

}  // namespace fasweep
