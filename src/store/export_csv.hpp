// Results as comma-separated values.
#pragma once

#include <filesystem>
#include <ostream>

namespace fasweep {

enum class CsvRows { runs, steps };

/// One row per run (axes, status, final values) or per run and recorded step (axes, metrics), with a header line.
void export_csv(const std::filesystem::path& file, std::ostream& out, CsvRows rows);

}  // namespace fasweep
