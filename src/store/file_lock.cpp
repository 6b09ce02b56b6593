#include "store/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "util/error.hpp"

namespace fasweep {
namespace {

std::string read_text(int file) {
  std::array<char, 512> text{};
  const ssize_t size = pread(file, text.data(), text.size(), 0);
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

}  // namespace

FileLock::FileLock(std::filesystem::path path, const std::string& holder,
                   const std::function<void(const std::string&)>& warn)
    : path_(std::move(path)), file_(open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (file_ < 0) {
    throw ConfigError("'" + path_.string() + "' cannot be written (" + std::strerror(errno) +
                      "); choose a folder you may write to");
  }
  const std::string other = read_text(file_);
  if (flock(file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      close(file_);
      throw ConfigError("'" + path_.string() + "' is held (" + other +
                        " is writing this file); wait for it or choose another file");
    }
    warn("'" + path_.string() + "' cannot be locked (" + std::strerror(errno) +
         "); make sure that nothing else writes this file");
  } else if (!other.empty()) {
    warn("taking over from " + other + ", which ended without removing its lock");
  }
  static_cast<void>(ftruncate(file_, 0));
  static_cast<void>(pwrite(file_, holder.data(), holder.size(), 0));  // for people only; the lock itself is the flock
}

FileLock::~FileLock() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  close(file_);
}

}  // namespace fasweep
