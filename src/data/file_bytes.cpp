#include "data/file_bytes.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <system_error>

#include "util/error.hpp"

namespace fasweep {
namespace {

constexpr std::size_t largest_file = std::size_t{1} << 32U;  // larger ones are no data set for one rank's memory

bool is_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

[[noreturn]] void reject_gzip(const std::string& origin, const std::string& why) {
  throw ConfigError("'" + origin + "' cannot be decompressed (" + why + "); fetch or compress the file again");
}

/// Owns zlib's state of one decompression.
class Inflater {
 public:
  explicit Inflater(const std::string& origin) : origin_(origin) {
    constexpr int gzip_only = 15 + 16;  // largest window; zlib's way to say gzip
    if (inflateInit2(&stream_, gzip_only) != Z_OK) {
      reject_gzip(origin_, "zlib has no memory");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Appends one gzip member of `input` to `output` and returns how many bytes of the input it took.
  std::size_t read_member(std::span<const std::uint8_t> input, FileBytes& output) {
    std::array<std::uint8_t, 1U << 16U> block;
    std::size_t fed = 0;
    while (true) {
      if (stream_.avail_in == 0 && fed < input.size()) {
        const std::size_t size =
            std::min<std::size_t>(input.size() - fed, std::numeric_limits<decltype(stream_.avail_in)>::max());
        stream_.next_in = const_cast<Bytef*>(&input[fed]);  // zlib only reads it
        stream_.avail_in = static_cast<decltype(stream_.avail_in)>(size);
        fed += size;
      }
      stream_.next_out = block.data();
      stream_.avail_out = block.size();
      const int status = inflate(&stream_, Z_NO_FLUSH);
      output.insert(output.end(), block.begin(), block.end() - stream_.avail_out);
      if (status == Z_STREAM_END) {
        return fed - stream_.avail_in;
      }
      check(status, output.size());
    }
  }

 private:
  void check(int status, std::size_t size) const {
    if (status == Z_BUF_ERROR) {
      reject_gzip(origin_, "its gzip data end too early");
    }
    if (status != Z_OK) {
      reject_gzip(origin_,
                  "corrupt gzip data: " + std::string(stream_.msg == nullptr ? "no reason given" : stream_.msg));
    }
    if (size > largest_file) {
      reject_gzip(origin_, "more than " + std::to_string(largest_file) + " bytes");
    }
  }

  const std::string& origin_;
  z_stream stream_{};
};

}  // namespace

FileBytes decompress(std::span<const std::uint8_t> compressed, const std::string& origin) {
  FileBytes bytes;
  while (!compressed.empty()) {
    if (!is_gzip(compressed)) {
      reject_gzip(origin, std::to_string(compressed.size()) + " bytes follow its gzip data");
    }
    compressed = compressed.subspan(Inflater(origin).read_member(compressed, bytes));
  }
  return bytes;
}

FileBytes read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  FileBytes bytes;
  std::array<std::uint8_t, 1U << 16U> block;
  while (file && bytes.size() <= largest_file && std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
    const std::size_t size = std::fread(block.data(), 1, block.size(), file.get());
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size));
  }
  if (!file || std::feof(file.get()) == 0) {
    throw ConfigError("data file '" + path + "' cannot be read (" +
                      (bytes.size() > largest_file ? "more than 4 GiB" : std::generic_category().message(errno)) +
                      "); give the path of a data file");
  }
  return is_gzip(bytes) ? decompress(bytes, path) : bytes;
}

}  // namespace fasweep
