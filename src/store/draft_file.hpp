// A file that exists whole or not at all: it is written in its own folder beside its place, and moved there once it is
// on disk. A file already at that place is never touched.
#pragma once

#include <filesystem>

namespace fasweep {

class DraftFile {
 public:
  /// Throws ConfigError if `target` already exists, even as a link, or if its folder cannot be written to.
  explicit DraftFile(std::filesystem::path target);

  /// Removes what was not published.
  ~DraftFile();
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;

  /// Where to write; it does not exist yet.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Forces the closed file to disk and moves it to its place. Throws StoreError if the disk refuses it, ConfigError if
  /// a file has appeared at that place meanwhile.
  void publish();

 private:
  std::filesystem::path target_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

}  // namespace fasweep
