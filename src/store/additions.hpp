// What others have put into a result file: a fit, a comment. It survives when the file is rewritten.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "hdf5/hdf5_handle.hpp"

namespace fasweep {

/// Copies from a result file into one that is being written, which has everything of fasweep's own: datasets, groups
/// and links that are not fasweep's, and attributes of the file, of /provenance and of datasets. Returns what could not
/// be copied and why, one text each; the file itself if it cannot be read.
[[nodiscard]] std::vector<std::string> copy_additions(const std::filesystem::path& from, const hdf5::Handle& to);

}  // namespace fasweep
