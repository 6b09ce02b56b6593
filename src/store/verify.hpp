// Whether results are sound, and how to mend them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fasweep {

struct VerifyReport {
  std::vector<std::string> problems;  // left after any repair
  std::vector<std::string> repairs;   // what was done
  std::vector<std::string> notes;     // what could not be checked in full
};

enum class Repair { no, yes };

/// Checks the journal's checksums, the file's seal and contents, and that they agree. Repair gathers the whole records
/// of the journal, and those that only a sound file has, in a sound journal, and rebuilds the file from it. What was
/// damaged is kept aside: FILE.h5.journal.damaged, FILE.h5.damaged.
[[nodiscard]] VerifyReport verify(const std::filesystem::path& file, Repair repair);

}  // namespace fasweep
