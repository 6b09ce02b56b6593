#include "store/verify.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "store/file_lock.hpp"
#include "store/journal_contents.hpp"
#include "store/record_check.hpp"
#include "store/result_file.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// Every row of the file against the journal's record of that run.
void compare_with_journal(const ResultFile& file, const MappedFile& map, const JournalContents& contents,
                          std::vector<std::string>& problems) {
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  file.for_each_record([&](const RunRecord& row) {
    const auto found = contents.records.find(file.plan().identity(row.run));
    if (found == contents.records.end()) {
      problems.push_back("run " + std::to_string(row.run) + " is in the file but not in the journal");
      return;
    }
    const RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
    if (record.status != row.status || record.steps != row.steps ||
        !std::equal(record.trajectory.begin(), record.trajectory.end(), row.trajectory.begin(), row.trajectory.end(),
                    same)) {
      problems.push_back("run " + std::to_string(row.run) + " is not what the journal recorded");
    }
  });
}

/// Records of a journal that do not fit its plan, by their identity, and why.
std::map<std::uint64_t, std::string> find_foreign_records(const JournalContents& contents, const fs::path& journal) {
  std::map<std::uint64_t, std::string> foreign;
  const Plan plan(parse_stored_job(contents.job_text, journal.string()));
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const std::uint64_t identity = plan.identity(run);
    if (const auto found = contents.records.find(identity); found != contents.records.end()) {
      if (std::string wrong = why_not_of_plan(found->second.header, run, plan); !wrong.empty()) {
        foreign.emplace(identity, std::move(wrong));
      }
    }
  }
  return foreign;
}

std::vector<std::string> find_all_problems(const fs::path& path) {
  std::vector<std::string> problems;
  const MappedFile map(journal_path(path));
  const bool has_journal = fs::exists(journal_path(path));
  JournalContents contents;
  if (has_journal) {
    contents = read_journal(map.bytes(), PastDamage::go_on);
    if (!contents.scan.damage.empty()) {
      problems.push_back("the journal is damaged: " + contents.scan.damage);
    }
    if (contents.job_text.empty()) {
      problems.emplace_back("the journal holds no plan");
      return problems;
    }
    for (const auto& [identity, wrong] : find_foreign_records(contents, journal_path(path))) {
      problems.push_back("the journal holds a record that is not of its plan: " + wrong);
    }
  }
  if (!has_journal || fs::exists(path)) {
    try {
      const ResultFile file(path);
      const std::vector<std::string> in_file = file.find_problems();
      problems.insert(problems.end(), in_file.begin(), in_file.end());
      if (has_journal) {
        compare_with_journal(file, map, contents, problems);
      }
    } catch (const DamagedError& error) {
      problems.emplace_back(error.what());
    } catch (const StoreError& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

/// Copies the whole frames of a damaged journal into a sound one, without the records in `left_out`; the damaged one is
/// kept aside.
void repair_journal(const fs::path& path, const std::map<std::uint64_t, std::string>& left_out,
                    std::vector<std::string>& repairs) {
  const fs::path draft = path.string() + ".new";
  const fs::path aside = path.string() + ".damaged";
  if (fs::exists(aside)) {
    throw ConfigError("'" + aside.string() + "' is there already (from an earlier repair); move it away first");
  }
  std::int64_t frames = 0;
  {
    const MappedFile map(path);
    JournalWriter writer(draft, 0);
    frames = scan_journal(map.bytes(), PastDamage::go_on, [&](const Frame& frame) {
               if (frame.type != FrameType::record || !left_out.contains(read_record(frame).identity)) {
                 writer.append(frame.type, frame.payload);
               }
             }).frames;
    writer.sync();
  }
  fs::rename(path, aside);
  fs::rename(draft, path);
  sync_folder_of(path);
  repairs.push_back("kept " + std::to_string(frames) + " whole frames; the damaged journal is now '" + aside.string() +
                    "'");
}

}  // namespace

VerifyReport verify(const fs::path& file, Repair repair) {
  VerifyReport report;
  report.problems = find_all_problems(file);
  if (report.problems.empty() || repair == Repair::no || !fs::exists(journal_path(file))) {
    return report;
  }
  const FileLock lock(file.string() + ".lock", "fasweep verify --repair", [](const std::string&) {});
  JournalContents contents;
  {
    const MappedFile map(journal_path(file));
    contents = read_journal(map.bytes(), PastDamage::go_on);
  }
  if (contents.job_text.empty()) {
    return report;
  }
  const std::map<std::uint64_t, std::string> foreign = find_foreign_records(contents, journal_path(file));
  if (!contents.scan.damage.empty() || !foreign.empty()) {
    repair_journal(journal_path(file), foreign, report.repairs);
  }
  const Plan plan(parse_stored_job(contents.job_text, journal_path(file).string()));
  const MappedFile map(journal_path(file));
  contents = read_journal(map.bytes(), PastDamage::stop);
  const fs::path draft = file.string() + ".new";
  write_result_file(draft, plan,
                    [&](std::int64_t row) -> std::optional<RunRecord> {
                      const auto found = contents.records.find(plan.identity(row));
                      return found == contents.records.end()
                                 ? std::nullopt
                                 : std::optional(read_record(read_frame(map.bytes(), found->second.offset)).record);
                    },
                    {"rebuilt from the journal\n", contents.sessions, contents.agents, ""});
  sync_file(draft);
  fs::rename(draft, file);
  sync_folder_of(file);
  report.repairs.push_back("rebuilt the file from " + std::to_string(contents.records.size()) + " records");
  report.problems = find_all_problems(file);
  return report;
}

}  // namespace fasweep
