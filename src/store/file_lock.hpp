// One writer for a result file: FILE.h5.lock, locked with flock and naming its holder. The lock dies with its holder;
// the file may stay behind and is then taken over.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace fasweep {

/// What to do where the file system has no locks: trust the user, or refuse.
enum class WithoutLocks { warn, refuse };

class FileLock {
 public:
  /// holder: who is asking, e.g. "node7, process 123, Slurm job 45". Throws ConfigError naming the holder of a live
  /// lock, if the folder cannot be written to, or if something else of that name exists, which is left alone. Warns
  /// if it takes over from a dead holder, or if locks do not work, which may also be refused.
  FileLock(std::filesystem::path path, const std::string& holder, const std::function<void(const std::string&)>& warn,
           WithoutLocks without_locks = WithoutLocks::warn);

  /// Removes the draft of a holder that was killed and so left its lock too. Throws ConfigError if anything else of
  /// that name exists: it belongs to somebody else.
  void make_way(const std::filesystem::path& draft) const;

  /// Removes the file.
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  std::filesystem::path path_;
  int file_;
  bool was_left_behind_ = false;
};

}  // namespace fasweep
