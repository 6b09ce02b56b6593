#include "store/draft_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "store/journal.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

[[noreturn]] void refuse_taken(const std::filesystem::path& path) {
  throw ConfigError("file '" + path.string() + "' already exists (fasweep overwrites nothing); choose another name");
}

/// Unlike std::filesystem::rename, never replaces.
bool move_to_free_place(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return true;
  }
  const bool is_unknown = errno == EINVAL || errno == ENOSYS;  // to some network file systems
  return is_unknown && !std::filesystem::exists(std::filesystem::symlink_status(to)) &&
         std::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

DraftFile::DraftFile(std::filesystem::path target)
    : target_(std::move(target)), folder_(target_.string() + ".new"), path_(folder_ / target_.filename()) {
  if (std::filesystem::exists(std::filesystem::symlink_status(target_))) {
    refuse_taken(target_);
  }
  if (mkdir(folder_.c_str(), 0777) == 0) {
    return;
  }
  if (errno == EEXIST) {
    throw ConfigError("'" + folder_.string() +
                      "' already exists (left by a start that was killed, or somebody's); fasweep needs that name: "
                      "move it elsewhere");
  }
  throw ConfigError("file '" + target_.string() + "' cannot be written (" + std::strerror(errno) +
                    "); choose a folder you may write to");
}

DraftFile::~DraftFile() {
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
  std::filesystem::remove(folder_, ignored);
}

void DraftFile::publish() {
  sync_file(path_);
  if (!move_to_free_place(path_, target_)) {
    if (errno == EEXIST) {
      refuse_taken(target_);
    }
    throw StoreError("file '" + target_.string() + "' cannot be written (" + std::strerror(errno) +
                     "); check the disk, and run the same command again");
  }
  sync_folder_of(target_);
}

}  // namespace fasweep
