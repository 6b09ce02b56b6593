// Reading result files of every schema. Opens what is asked for and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hdf5/hdf5_handle.hpp"
#include "store/damage_guard.hpp"
#include "store/result_writer.hpp"
#include "sweep/plan.hpp"
#include "train/record.hpp"
#include "util/error.hpp"

namespace fasweep {

/// FILE.h5.journal of FILE.h5.
[[nodiscard]] std::filesystem::path journal_path(const std::filesystem::path& file);

/// Where a result file is: a symbolic link's target, even if missing. Everything beside a file is beside its target.
[[nodiscard]] std::filesystem::path resolve_link(std::filesystem::path path);

/// Whether the checksum over all bytes of a file is compared when it is opened, which reads the whole file.
enum class SealCheck { yes, no };

/// An open result file.
class ResultFile {
 public:
  /// Checks the file's seal unless told not to, then reads the plan and what the file says of itself, no column. Throws
  /// ConfigError if there is no such file, it is not fasweep's, or another program is writing to it; DamagedError if it
  /// is fasweep's but not what was written; so do the functions below.
  explicit ResultFile(const std::filesystem::path& path, SealCheck seal_check = SealCheck::yes);

  /// Whether a checksum over all bytes says that they are what was written. Files of early versions carry none, and
  /// another program that writes to a file drops it; such files are checked by what is in them.
  [[nodiscard]] bool sealed() const { return sealed_; }

  [[nodiscard]] const Plan& plan() const { return plan_; }
  [[nodiscard]] bool complete() const { return complete_; }
  /// Runs by status, as the file says of itself.
  [[nodiscard]] const std::array<std::int64_t, run_status_names.size()>& counts() const { return counts_; }
  [[nodiscard]] std::vector<RunStatus> read_statuses() const;
  /// Training time of all runs together.
  [[nodiscard]] double training_seconds() const;
  [[nodiscard]] const Provenance& provenance() const { return provenance_; }

  /// Calls `visit` with the record of every row that has one, in order; memory stays bounded.
  void for_each_record(const std::function<void(const RunRecord&)>& visit) const;

  /// The record of a row, if it has one.
  [[nodiscard]] std::optional<RunRecord> read_record(std::int64_t run) const;

  /// What is wrong with the file's contents, one sentence each: shapes, scales, codes, counts, values of finished runs.
  [[nodiscard]] std::vector<std::string> find_problems() const;

 private:
  template <class Number>
  [[nodiscard]] std::vector<Number> read_column(const std::string& name) const;
  [[nodiscard]] bool has_first_step_deviations() const;
  /// Not numbers where the file has none, as those of earlier versions.
  [[nodiscard]] std::vector<double> read_first_step_deviations() const;
  template <class Number>
  [[nodiscard]] std::string find_wrong_axis(const Key& key) const;
  [[nodiscard]] std::vector<std::string> read_texts(const std::string& name) const;
  /// Positions in `names` of a column that holds names, or codes in the first schema.
  template <class Names>
  [[nodiscard]] std::vector<std::uint8_t> read_codes(const std::string& name, const Names& names) const;
  [[nodiscard]] bool has_scales(const std::string& name) const;
  [[nodiscard]] std::string find_wrong_column(const Key& key) const;
  [[nodiscard]] std::vector<std::string> find_wrong_scales() const;
  [[nodiscard]] std::vector<std::string> find_wrong_pending() const;
  [[nodiscard]] std::vector<std::string> find_wrong_header() const;
  [[nodiscard]] std::optional<DamageGuard> guard() const;
  [[nodiscard]] DamagedError unreadable(const StoreError& error) const;
  void for_each_record(std::int64_t begin, std::int64_t end, const std::function<void(const RunRecord&)>& visit) const;
  /// Rows first, first + 1, ... of a dataset. shape: its extents below that of the runs.
  [[nodiscard]] std::vector<double> read_rows(const std::string& name, std::vector<hsize_t> shape, std::int64_t first,
                                              std::int64_t count) const;

  std::filesystem::path path_;
  bool sealed_;
  hdf5::Handle file_;
  Plan plan_;
  bool is_first_schema_ = false;
  bool complete_ = false;
  std::array<std::int64_t, run_status_names.size()> counts_{};
  Provenance provenance_;
};

}  // namespace fasweep
