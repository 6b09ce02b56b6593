#include "store/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/// Whether `path` still names the open file: a holder that ends removes it.
bool is_in_place(int file, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(file, &opened) == 0 && lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

[[noreturn]] void refuse_other(const std::filesystem::path& path, const std::string& why) {
  throw ConfigError("'" + path.string() + "' exists and is not a lock of fasweep's (" + why +
                    "); move it elsewhere or choose another file");
}

/// What fasweep, of whatever version, writes into its locks: "HOST, process N" or its own name.
bool is_holder(const std::string& text) {
  return text.find(", process ") != std::string::npos || text.starts_with("fasweep");
}

int open_lock(const std::filesystem::path& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  if (file < 0 && errno == ELOOP) {
    refuse_other(path, "it is a symbolic link");
  }
  if (file < 0) {
    throw ConfigError("'" + path.string() + "' cannot be written (" + std::strerror(errno) +
                      "); choose a folder you may write to");
  }
  return file;
}

}  // namespace

FileLock::FileLock(std::filesystem::path path, const std::string& holder,
                   const std::function<void(const std::string&)>& warn, WithoutLocks without_locks)
    : path_(std::move(path)), file_(open_lock(path_)) {
  bool locked = flock(file_, LOCK_EX | LOCK_NB) == 0;
  while (locked && !is_in_place(file_, path_)) {
    close(file_);
    file_ = open_lock(path_);
    locked = flock(file_, LOCK_EX | LOCK_NB) == 0;
  }
  const int why = errno;
  const std::string other = read_text(file_);
  struct stat status {};
  if (fstat(file_, &status) != 0 || !S_ISREG(status.st_mode) || (!other.empty() && !is_holder(other))) {
    close(file_);
    refuse_other(path_, S_ISREG(status.st_mode) ? "it holds something else" : "it is not a regular file");
  }
  if (!locked && why == EWOULDBLOCK) {
    close(file_);
    throw ConfigError("'" + path_.string() + "' is held (" + (other.empty() ? "another process" : other) +
                      " is writing this file); wait for it or choose another file");
  }
  if (!locked && without_locks == WithoutLocks::refuse) {
    close(file_);
    throw ConfigError("'" + path_.string() + "' cannot be locked (" + std::strerror(why) +
                      "), so that somebody else may be writing this file; keep it on a file system with locks");
  }
  if (!locked) {
    warn("'" + path_.string() + "' cannot be locked (" + std::strerror(why) +
         "); make sure that nothing else writes this file");
  } else if (!other.empty()) {
    warn("taking over from " + other + ", which ended without removing its lock");
  }
  was_left_behind_ = !other.empty();
  static_cast<void>(!ftruncate(file_, 0));
  static_cast<void>(!pwrite(file_, holder.data(), holder.size(), 0));  // for people only; the lock itself is the flock
}

void FileLock::make_way(const std::filesystem::path& draft) const {
  const std::filesystem::file_status status = std::filesystem::symlink_status(draft);
  if (std::filesystem::is_regular_file(status) && was_left_behind_) {
    std::filesystem::remove(draft);
  } else if (std::filesystem::exists(status)) {
    throw ConfigError("'" + draft.string() +
                      "' already exists (not left by a start that was killed, which leaves its lock too); fasweep "
                      "needs that name: move it elsewhere");
  }
}

FileLock::~FileLock() {
  std::error_code ignored;
  if (is_in_place(file_, path_)) {
    std::filesystem::remove(path_, ignored);
  }
  close(file_);
}

}  // namespace fasweep
