#include "store/status_report.hpp"

#include "store/journal_contents.hpp"
#include "store/result_file.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

StatusReport status_of_journal(const fs::path& path) {
  const MappedFile map(path);
  const JournalContents contents = read_journal(map.bytes(), PastDamage::go_on);
  if (contents.job_text.empty()) {
    throw DamagedError("'" + path.string() + "' is damaged (it holds no plan); run fasweep verify --repair");
  }
  const Plan plan(parse_stored_job(contents.job_text, path.string()));
  StatusReport report;
  report.job_text = contents.job_text;
  report.runs = plan.size();
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const auto found = contents.records.find(plan.identity(run));
    if (found == contents.records.end()) {
      ++report.counts[static_cast<std::size_t>(RunStatus::pending)];
      continue;
    }
    const RecordHeader& header = found->second.header;
    ++report.counts[static_cast<std::size_t>(header.status)];
    report.wall_s_total += header.wall_s;
    if (header.status == RunStatus::failed) {
      const RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
      report.failures.push_back("run " + std::to_string(run) + ": " + record.error);
    }
  }
  return report;
}

StatusReport status_of_file(const fs::path& path) {
  const ResultFile file(path, SealCheck::no);  // a question of every second, however large the file
  StatusReport report;
  report.complete = file.complete();
  report.runs = file.plan().size();
  report.job_text = resolved_text(file.plan().job());
  report.counts = file.counts();
  report.wall_s_total = file.training_seconds();
  for (const std::string_view line : split(file.provenance().failures, '\n')) {
    if (!line.empty()) {
      report.failures.emplace_back(line);
    }
  }
  return report;
}

}  // namespace

StatusReport read_status(const fs::path& file) {
  return fs::exists(journal_path(file)) ? status_of_journal(journal_path(file)) : status_of_file(file);
}

}  // namespace fasweep
