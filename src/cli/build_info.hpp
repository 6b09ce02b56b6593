// What this program was built from: the text of `fasweep version` and of every result file's provenance.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fasweep::cli {

/// (name, value) pairs: fasweep, git, compiler, flags, hdf5, mpi, eigen, highway, boost, cuda.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> build_info();

/// The pairs as "name: value" lines.
[[nodiscard]] std::string build_text();

/// "0.2.0 (a5f8e4e)": version and git state.
[[nodiscard]] std::string version_text();

}  // namespace fasweep::cli
