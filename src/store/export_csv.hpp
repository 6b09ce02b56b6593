// Results as comma-separated values.
#pragma once

#include <filesystem>
#include <ostream>

namespace fasweep {

enum class CsvRows { runs, steps };

/// One row a run (axes, status, final values) or a run and recorded step (axes, metrics), with a header line.
void export_csv(const std::filesystem::path& file, std::ostream& out, CsvRows rows);

}  // namespace fasweep
