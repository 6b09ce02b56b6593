// Reading results: the HDF5 file, and together with its journal the state of a sweep that runs or was interrupted.
// Reads only, takes no lock.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "store/hdf5_handle.hpp"
#include "store/result_writer.hpp"
#include "sweep/plan.hpp"
#include "train/record.hpp"

namespace fasweep {

/// FILE.h5.journal of FILE.h5.
[[nodiscard]] std::filesystem::path journal_path(const std::filesystem::path& file);

/// An open result file.
class ResultFile {
 public:
  /// Throws ConfigError if there is no such file or it is not fasweep's, DamagedError if it is fasweep's but cannot be
  /// read.
  explicit ResultFile(const std::filesystem::path& path);

  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] const std::vector<RunStatus>& statuses() const { return statuses_; }
  [[nodiscard]] const Provenance& provenance() const { return provenance_; }

  /// Calls `visit` with the record of every row that has one, in order; memory stays bounded. Throws DamagedError.
  void for_each_record(const std::function<void(const RunRecord&)>& visit) const;

  /// What is wrong with the file's contents, one sentence each: shapes, scales, codes, counts, values of finished runs.
  [[nodiscard]] std::vector<std::string> find_problems() const;

 private:
  template <class Number>
  [[nodiscard]] std::vector<Number> read_column(const std::string& name) const;
  void read_slab(const std::string& name, std::int64_t first, std::int64_t count, std::vector<double>& values) const;

  std::filesystem::path path_;
  hdf5::Handle file_;
  Plan plan_;
  bool complete_ = false;
  std::vector<RunStatus> statuses_;
  Provenance provenance_;
};

struct StatusReport {
  bool complete = false;
  std::int64_t runs = 0;
  std::array<std::int64_t, run_status_names.size()> counts{};
  double wall_s_total = 0;            // of the runs with a record
  std::vector<std::string> failures;  // "run 12: why"
  std::string job_text;
};

/// State of the sweep of `file`: from the journal if there is one, else from the file. Throws ConfigError if there is
/// neither.
[[nodiscard]] StatusReport read_status(const std::filesystem::path& file);

struct VerifyReport {
  std::vector<std::string> problems;  // left after any repair
  std::vector<std::string> repairs;   // what was done
};

enum class Repair { no, yes };

/// Checks the journal's checksums, the file's contents, and that they agree. Repair rebuilds the file from the
/// journal's whole frames; a damaged journal is kept aside as FILE.h5.journal.damaged.
[[nodiscard]] VerifyReport verify(const std::filesystem::path& file, Repair repair);

enum class CsvRows { runs, steps };

/// One row a run (axes, status, final values) or a run and recorded step (axes, metrics), with a header line.
void export_csv(const std::filesystem::path& file, std::ostream& out, CsvRows rows);

}  // namespace fasweep
