// What was recorded under the name of a result file: by its journal if there is one, else by the file itself. Reads and
// changes nothing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "store/journal_contents.hpp"
#include "store/result_file.hpp"

namespace fasweep {

class RecordedRuns {
 public:
  /// Throws ConfigError if there is neither, DamagedError if neither can be trusted.
  explicit RecordedRuns(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] Job job() const;
  [[nodiscard]] Provenance provenance() const;

  /// Calls `visit` with every record and its row in `plan`, which has these runs, in whatever order.
  void for_each_record(const Plan& plan, const std::function<void(const RunRecord&)>& visit) const;

  /// The record of a run of `plan`, that of job(); nullopt if there is none yet.
  [[nodiscard]] std::optional<RunRecord> find_record(const Plan& plan, std::int64_t run) const;

 private:
  [[nodiscard]] std::optional<RunRecord> find_in_journal(const Plan& plan, std::int64_t run) const;

  std::filesystem::path path_;
  MappedFile map_;
  JournalContents contents_;
  std::optional<ResultFile> file_;
};

}  // namespace fasweep
