// Whether results are sound, and how to mend them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fasweep {

struct VerifyReport {
  std::vector<std::string> problems;  // left after any repair
  std::vector<std::string> repairs;   // what was done
};

enum class Repair { no, yes };

/// Checks the journal's checksums, the file's contents, and that they agree. Repair rebuilds the file from the
/// journal's whole frames; a damaged journal is kept aside as FILE.h5.journal.damaged.
[[nodiscard]] VerifyReport verify(const std::filesystem::path& file, Repair repair);

}  // namespace fasweep
