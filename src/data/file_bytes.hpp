// The bytes of a file, plain or gzip, never more than this machine can hold. What a file is follows from its content,
// never from its name.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fasweep {

using FileBytes = std::vector<std::uint8_t>;

/// Given the first bytes of a file, or all of a short one: how many are wanted. Throws ConfigError if they do not begin
/// what is wanted, before the rest is read.
using WantedBytes = std::function<std::size_t(std::span<const std::uint8_t> head)>;

/// The content of `path`, or as much as is wanted of it, decompressed if it begins as gzip does. Throws ConfigError
/// naming the path, also if it is a device or a pipe, which have no end, or too large.
[[nodiscard]] FileBytes read_file(const std::string& path, const WantedBytes& wanted = {});

/// All members of a gzip file, or as much as is wanted of them. `origin` names it in messages; throws ConfigError on
/// corrupt, truncated or left-over bytes.
[[nodiscard]] FileBytes decompress(std::span<const std::uint8_t> compressed, const std::string& origin,
                                   const WantedBytes& wanted = {});

/// Throws ConfigError if `path` is not an existing regular file.
void require_regular_file(const std::string& path);

[[nodiscard]] bool is_gzip(std::span<const std::uint8_t> bytes);

}  // namespace fasweep
