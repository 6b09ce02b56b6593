// Writes a whole result file, row by row in plan order, from records. The schema of fasweep's files is here and nowhere
// else: columnar, everything on the dimension scales `run` and `step`, nothing that netCDF readers cannot take
// (docs/file-format.md).
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sweep/plan.hpp"
#include "train/record.hpp"

namespace fasweep {

/// Schema of the files that are written; those of the first version are read too.
inline constexpr const char* result_schema = "fasweep-2";
inline constexpr const char* first_result_schema = "fasweep-1";

/// A column that files of earlier versions lack.
inline constexpr const char* first_step_column = "first_step_deviation";

/// Text for /provenance; each may have several lines.
struct Provenance {
  std::string build;
  std::string sessions;  // a line for every start of the program
  std::string agents;    // a line for every rank that took part
  std::string failures;  // a line for every failed run
};

/// The record of a row of the plan, or nothing while there is none. Called once for each row, in order.
using RowSource = std::function<std::optional<RunRecord>(std::int64_t row)>;

/// Creates `path`, which must not exist; the caller renames it into place. Only datasets with the attribute
/// `provenance` and the group of that name depend on anything but plan and records, and what others have put into
/// `predecessor`, the file of that name so far, if there is one. Throws StoreError. Returns which of others' additions
/// could not be copied, and why.
[[nodiscard]] std::vector<std::string> write_result_file(const std::filesystem::path& path, const Plan& plan,
                                                         const RowSource& rows, Provenance provenance,
                                                         const std::filesystem::path& predecessor = {});

/// Positions among `all` steps of the first `points` of a run's `own` steps; both increase.
[[nodiscard]] std::vector<std::size_t> places_of_steps(std::span<const std::int64_t> own,
                                                       std::span<const std::int64_t> all, std::size_t points);

/// "linked at run time with" version of HDF5.
[[nodiscard]] std::string hdf5_version();

}  // namespace fasweep
