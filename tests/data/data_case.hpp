// Bytes of IDX and gzip files as tests write them, and the sentence with which bytes are refused.
#pragma once

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/file_bytes.hpp"
#include "util/error.hpp"

namespace fasweep::testing {

/// What `call` is refused with.
template <class Call>
std::string refusal(const Call& call) {
  try {
    static_cast<void>(call());
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

inline FileBytes idx_bytes(const std::vector<std::uint32_t>& sizes, const FileBytes& values) {
  FileBytes bytes{0, 0, 8, static_cast<std::uint8_t>(sizes.size())};
  for (const std::uint32_t size : sizes) {
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      bytes.push_back(static_cast<std::uint8_t>(size >> shift));
    }
  }
  bytes.insert(bytes.end(), values.begin(), values.end());
  return bytes;
}

/// One gzip member.
inline FileBytes gzip(const FileBytes& bytes) {
  z_stream stream{};
  constexpr int gzip_format = 15 + 16;
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_format, 8, Z_DEFAULT_STRATEGY);
  FileBytes compressed(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = compressed.data();
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

inline void write_bytes(const std::filesystem::path& path, const FileBytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace fasweep::testing
