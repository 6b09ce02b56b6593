#include "data/file_bytes.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <system_error>

#include "util/error.hpp"
#include "util/machine_limits.hpp"

namespace fasweep {
namespace {

/// Largest content of a file: what is made from it must fit too.
std::size_t largest_content() {
  constexpr std::size_t largest = std::size_t{1} << 32U;  // larger data sets do not suit one rank's memory
  return std::min(largest, static_cast<std::size_t>(memory_limit().value / 4));
}

std::string too_large() {
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  return "more than " + std::to_string(largest_content() / mebibyte) +
         " MiB, 4 GiB or a quarter of this machine's memory";
}

[[noreturn]] void reject_file(const std::string& path, const std::string& why) {
  throw ConfigError("data file '" + path + "' cannot be read (" + why + "); give the path of a data file");
}

[[noreturn]] void reject_gzip(const std::string& origin, const std::string& why) {
  throw ConfigError("'" + origin + "' cannot be decompressed (" + why + "); fetch or compress the file again");
}

/// Content as it comes, until no more of it is wanted.
class Content {
 public:
  Content(const WantedBytes& wanted, const std::string& origin) : wanted_(wanted), origin_(origin) {}

  void add(std::span<const std::uint8_t> block) {
    bytes_.insert(bytes_.end(), block.begin(), block.end());
    if (bytes_.size() > largest_content()) {
      reject_file(origin_, too_large());
    }
    constexpr std::size_t head_bytes = 4096;
    if (bytes_.size() >= head_bytes) {
      judge_head();
    }
  }
  [[nodiscard]] bool is_full() const { return most_ && bytes_.size() >= *most_; }
  [[nodiscard]] FileBytes take() {
    judge_head();
    bytes_.resize(std::min(bytes_.size(), *most_));
    return std::move(bytes_);
  }

 private:
  void judge_head() {
    if (!most_) {
      most_ = wanted_ ? wanted_(bytes_) : std::numeric_limits<std::size_t>::max();
    }
  }

  const WantedBytes& wanted_;
  const std::string& origin_;
  FileBytes bytes_;
  std::optional<std::size_t> most_;  // once the head was judged
};

/// Owns zlib's state of one decompression.
class Inflater {
 public:
  explicit Inflater(const std::string& origin) : origin_(origin) {
    constexpr int gzip_only = 15 + 16;  // largest window; zlib's way to say gzip
    if (inflateInit2(&stream_, gzip_only) != Z_OK) {
      reject_gzip(origin_, "zlib ran out of memory");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Adds one gzip member of `input` to `output`, until that is full, and returns how many bytes of the input it took.
  std::size_t read_member(std::span<const std::uint8_t> input, Content& output) {
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
      output.add(std::span(block).first(block.size() - stream_.avail_out));
      if (status == Z_STREAM_END || output.is_full()) {
        return fed - stream_.avail_in;
      }
      check(status);
    }
  }

 private:
  void check(int status) const {
    if (status == Z_BUF_ERROR) {
      reject_gzip(origin_, "its gzip data end too early");
    }
    if (status != Z_OK) {
      reject_gzip(origin_,
                  "corrupt gzip data: " + std::string(stream_.msg == nullptr ? "no reason given" : stream_.msg));
    }
  }

  const std::string& origin_;
  z_stream stream_{};
};

}  // namespace

FileBytes decompress(std::span<const std::uint8_t> compressed, const std::string& origin, const WantedBytes& wanted) {
  Content content(wanted, origin);
  while (!compressed.empty() && !content.is_full()) {
    if (!is_gzip(compressed)) {
      reject_gzip(origin, std::to_string(compressed.size()) + " bytes follow its gzip data");
    }
    compressed = compressed.subspan(Inflater(origin).read_member(compressed, content));
  }
  return content.take();
}

FileBytes read_file(const std::string& path, const WantedBytes& wanted) {
  require_regular_file(path);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  FileBytes bytes;
  std::array<std::uint8_t, 1U << 16U> block;
  while (file && bytes.size() <= largest_content() && std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
    const std::size_t size = std::fread(block.data(), 1, block.size(), file.get());
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size));
  }
  if (!file || std::feof(file.get()) == 0) {
    reject_file(path, bytes.size() > largest_content() ? too_large() : std::generic_category().message(errno));
  }
  if (is_gzip(bytes)) {
    return decompress(bytes, path, wanted);
  }
  bytes.resize(std::min(bytes.size(), wanted ? wanted(bytes) : bytes.size()));
  return bytes;
}

void require_regular_file(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    reject_file(path, std::generic_category().message(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    reject_file(path, std::generic_category().message(EISDIR));
  }
  if (!S_ISREG(status.st_mode)) {
    reject_file(path,
                S_ISFIFO(status.st_mode) ? "it is a pipe, which can be read only once" : "it is not a regular file");
  }
}

bool is_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

}  // namespace fasweep
