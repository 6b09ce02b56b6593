#include "store/recorded_runs.hpp"

#include <unordered_map>

#include "store/record_check.hpp"
#include "util/error.hpp"

namespace fasweep {

namespace fs = std::filesystem;

RecordedRuns::RecordedRuns(const fs::path& path) : path_(path), map_(journal_path(path)) {
  if (!fs::exists(journal_path(path))) {
    file_.emplace(path);
    return;
  }
  contents_ = read_journal(map_.bytes(), PastDamage::stop);
  if (!contents_.scan.damage.empty() || contents_.job_text.empty()) {
    throw DamagedError("'" + journal_path(path).string() + "' is damaged (" +
                       (contents_.job_text.empty() ? "it holds no plan" : contents_.scan.damage) +
                       "); run fasweep verify --repair " + path.string() + " first");
  }
}

Job RecordedRuns::job() const {
  return file_ ? file_->plan().job() : parse_stored_job(contents_.job_text, path_.string());
}

Provenance RecordedRuns::provenance() const {
  return file_ ? file_->provenance() : Provenance{"", contents_.sessions, contents_.agents, ""};
}

void RecordedRuns::for_each_record(const Plan& plan, const std::function<void(const RunRecord&)>& visit) const {
  if (file_) {
    std::unordered_map<std::uint64_t, std::int64_t> rows;
    for (std::int64_t run = 0; run < plan.size(); ++run) {
      rows.emplace(plan.identity(run), run);
    }
    file_->for_each_record([&](const RunRecord& record) {
      RunRecord moved = record;
      moved.run = rows.at(file_->plan().identity(record.run));
      visit(moved);
    });
    return;
  }
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    if (const std::optional<RunRecord> record = find_in_journal(plan, run)) {
      visit(*record);
    }
  }
}

std::optional<RunRecord> RecordedRuns::find_record(const Plan& plan, std::int64_t run) const {
  return file_ ? file_->read_record(run) : find_in_journal(plan, run);
}

std::optional<RunRecord> RecordedRuns::find_in_journal(const Plan& plan, std::int64_t run) const {
  const auto found = contents_.records.find(plan.identity(run));
  if (found == contents_.records.end()) {
    return std::nullopt;
  }
  if (const std::string wrong = why_not_of_plan(found->second.header, run, plan); !wrong.empty()) {
    throw DamagedError("'" + journal_path(path_).string() + "' holds a record that does not belong to its plan (" +
                       wrong + "); read it with the version of fasweep that wrote it");
  }
  RunRecord record = read_record(read_frame(map_.bytes(), found->second.offset)).record;
  record.run = run;  // the grid may have grown since it was recorded
  return record;
}

}  // namespace fasweep
