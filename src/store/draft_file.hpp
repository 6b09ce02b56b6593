// A file that is there whole or not at all: written in a folder of its own beside its place, and moved there once it is
// on disk. What is at that place already is never touched.
#pragma once

#include <filesystem>

namespace fasweep {

class DraftFile {
 public:
  /// Throws ConfigError if something is at `target` already, a link too, or its folder cannot be written to.
  explicit DraftFile(std::filesystem::path target);

  /// Removes what was not published.
  ~DraftFile();
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;

  /// Where to write; nothing is there yet.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Forces the closed file to disk and moves it to its place. Throws StoreError if the disk refuses it, ConfigError if
  /// something has come to that place meanwhile.
  void publish();

 private:
  std::filesystem::path target_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

}  // namespace fasweep
