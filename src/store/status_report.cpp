#include "store/status_report.hpp"

#include <algorithm>
#include <map>

#include "store/journal_contents.hpp"
#include "store/result_file.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// What a journal says of a run, without its numbers; pending: that its record no longer counts.
struct Said {
  std::uint64_t identity = 0;
  std::size_t place = 0;    // among what the journal says
  std::int64_t offset = 0;  // of the record's frame
  double wall_s = 0;
  RunStatus status = RunStatus::pending;
};

/// Where the plan has a run. guess: where its record says.
std::int64_t find_run(const Plan& plan, std::uint64_t identity, std::int64_t guess) {
  if (guess < plan.size() && plan.identity(guess) == identity) {
    return guess;
  }
  std::int64_t run = 0;
  while (run < plan.size() && plan.identity(run) != identity) {
    ++run;
  }
  return run;
}

StatusReport status_of_journal(const fs::path& path) {
  const MappedFile map(path);
  std::vector<Said> said;
  const JournalContents contents =
      read_journal(map.bytes(), PastDamage::go_on,
                   {[&](std::uint64_t identity, const JournalContents::Entry& entry) {
                      said.push_back({identity, said.size(), entry.offset, entry.header.wall_s, entry.header.status});
                    },
                    [&](std::uint64_t identity) {
                      said.push_back({identity, said.size(), 0, 0, RunStatus::pending});
                    }});
  if (contents.job_text.empty()) {
    throw DamagedError("'" + path.string() + "' is damaged (it holds no plan); run fasweep verify --repair");
  }
  const Plan plan(parse_stored_job(contents.job_text, path.string()));
  StatusReport report;
  report.job_text = contents.job_text;
  report.runs = plan.size();
  report.counts[0] = plan.size();
  std::sort(said.begin(), said.end(), [](const Said& a, const Said& b) {
    return a.identity != b.identity ? a.identity < b.identity : a.place < b.place;
  });
  std::map<std::int64_t, std::string> failures;
  for (auto one = said.begin(); one != said.end();) {
    const Said* counts = &*one;  // the first record since the last one that was forgotten
    for (const std::uint64_t identity = one->identity; one != said.end() && one->identity == identity; ++one) {
      counts = one->status == RunStatus::pending || counts->status == RunStatus::pending ? &*one : counts;
    }
    --report.counts[0];
    ++report.counts[static_cast<std::size_t>(counts->status)];
    report.wall_s_total += counts->wall_s;
    if (counts->status == RunStatus::failed) {
      const RunRecord record = read_record(read_frame(map.bytes(), counts->offset)).record;
      failures.emplace(find_run(plan, counts->identity, record.run), record.error);
    }
  }
  for (const auto& [run, error] : failures) {
    report.failures.push_back("run " + std::to_string(run) + ": " + error);
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
