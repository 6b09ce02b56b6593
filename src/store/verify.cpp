#include "store/verify.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "store/file_lock.hpp"
#include "store/journal_contents.hpp"
#include "store/record_check.hpp"
#include "store/result_file.hpp"
#include "sweep/plan_differences.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// Every row of the file against the journal's record of that run.
void compare_with_journal(const ResultFile& file, const MappedFile& map, const JournalContents& contents,
                          std::vector<std::string>& problems) {
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  const auto same_numbers = [&](const std::vector<double>& a, const std::vector<double>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  };
  file.for_each_record([&](const RunRecord& row) {
    const auto found = contents.records.find(file.plan().identity(row.run));
    if (found == contents.records.end()) {
      problems.push_back("run " + std::to_string(row.run) + " is in the file but not in the journal");
      return;
    }
    const RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
    if (record.status != row.status || record.reason != row.reason || record.solver != row.solver ||
        record.steps != row.steps || record.worker != row.worker || !same(record.wall_s, row.wall_s) ||
        !same(record.finished_at, row.finished_at) || !same(record.first_step_deviation, row.first_step_deviation) ||
        !same_numbers(record.trajectory, row.trajectory) || !same_numbers(record.final_values, row.final_values)) {
      problems.push_back("run " + std::to_string(row.run) + " is not what the journal recorded");
    }
  });
}

/// Records of a journal that do not fit the plan, by their identity, and why.
std::map<std::uint64_t, std::string> find_foreign_records(const JournalContents& contents, const MappedFile& map,
                                                          const Plan& plan) {
  std::map<std::uint64_t, std::string> foreign;
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const std::uint64_t identity = plan.identity(run);
    if (const auto found = contents.records.find(identity); found != contents.records.end()) {
      std::string wrong = why_not_of_plan(found->second.header, run, plan);
      if (wrong.empty()) {
        RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
        record.run = run;
        wrong = find_odd_number(record, plan);
      }
      if (!wrong.empty()) {
        foreign.emplace(identity, std::move(wrong));
      }
    }
  }
  return foreign;
}

VerifyReport find_all_problems(const fs::path& path) {
  VerifyReport report;
  std::vector<std::string>& problems = report.problems;
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
    } else {
      const Plan plan(parse_stored_job(contents.job_text, journal_path(path).string()));
      for (const auto& [identity, wrong] : find_foreign_records(contents, map, plan)) {
        problems.push_back("the journal holds a record that does not belong to its plan: " + wrong);
      }
    }
  }
  if (has_journal && !fs::exists(path)) {
    return report;
  }
  try {
    const ResultFile file(path);
    const std::vector<std::string> in_file = file.find_problems();
    problems.insert(problems.end(), in_file.begin(), in_file.end());
    if (has_journal) {
      compare_with_journal(file, map, contents, problems);
    }
    if (!file.sealed()) {
      report.notes.emplace_back(
          "it carries no checksum over the whole file (an early version wrote it, or another program has written to it "
          "since) and was checked by what is in it");
    }
  } catch (const DamagedError& error) {
    problems.emplace_back(error.what());
  } catch (const StoreError& error) {
    problems.emplace_back(error.what());
  }
  return report;
}

/// The file, if it can be trusted.
std::optional<ResultFile> open_sound_file(const fs::path& path) {
  if (!fs::exists(path)) {
    return std::nullopt;
  }
  try {
    std::optional<ResultFile> file(std::in_place, path);
    return file->find_problems().empty() ? std::move(file) : std::nullopt;
  } catch (const DamagedError&) {
    return std::nullopt;
  }
}

/// What a repair has to work with: the journal, and a file that is sound.
class Repairer {
 public:
  explicit Repairer(const fs::path& path)
      : path_(path),
        lock_(path.string() + ".lock", "fasweep verify --repair", [](const std::string&) {}),
        map_(journal_path(path)),
        contents_(read_journal(map_.bytes(), PastDamage::go_on)),
        file_(open_sound_file(path)) {}

  /// Returns what was done; nothing where neither journal nor file says of what plan the records are.
  std::vector<std::string> repair() {
    lock_.make_way(path_.string() + ".new");
    lock_.make_way(journal_path(path_).string() + ".new");
    if (contents_.job_text.empty() && !file_) {
      return {};
    }
    const Plan plan(contents_.job_text.empty() ? file_->plan().job()
                                               : parse_stored_job(contents_.job_text, journal_path(path_).string()));
    const bool file_fits = file_ && plan_differences(file_->plan(), plan).empty();
    const std::map<std::uint64_t, std::string> foreign = find_foreign_records(contents_, map_, plan);
    const fs::path draft = journal_path(path_).string() + ".new";
    const std::int64_t of_file = write_journal(draft, plan, foreign, file_fits);
    if (!contents_.scan.damage.empty() || contents_.job_text.empty() || !foreign.empty() || of_file > 0) {
      const fs::path aside = keep_aside(journal_path(path_), "damaged");
      fs::rename(draft, journal_path(path_));
      sync_folder_of(path_);
      repairs_.push_back("kept " + std::to_string(contents_.records.size() - foreign.size()) +
                         " whole records; the previous journal is now '" + aside.string() + "'");
      if (of_file > 0) {
        repairs_.push_back("took " + std::to_string(of_file) + " runs from the file that the journal did not have");
      }
    } else {
      fs::remove(draft);
    }
    rebuild_file(plan, file_fits);
    return repairs_;
  }

 private:
  /// A journal of every record there is; returns how many of them are the file's alone.
  std::int64_t write_journal(const fs::path& draft, const Plan& plan,
                             const std::map<std::uint64_t, std::string>& foreign, bool file_fits) const {
    JournalWriter writer(draft, 0);
    const std::string job_text = resolved_text(plan.job());
    writer.append(FrameType::format, make_format_payload());
    writer.append(FrameType::plan, job_text);
    const bool has_sessions = !contents_.sessions.empty() || !file_;
    append_lines(writer, FrameType::session, has_sessions ? contents_.sessions : file_->provenance().sessions);
    append_lines(writer, FrameType::agent, has_sessions ? contents_.agents : file_->provenance().agents);
    std::map<std::int64_t, std::uint64_t> in_order;  // as the journal has them
    for (const auto& [identity, entry] : contents_.records) {
      in_order.emplace(entry.offset, identity);
    }
    for (const auto& [offset, identity] : in_order) {
      if (!foreign.contains(identity)) {
        writer.append(FrameType::record, read_frame(map_.bytes(), offset).payload);
      }
    }
    std::int64_t of_file = 0;
    if (file_fits) {
      file_->for_each_record([&](const RunRecord& record) {
        const std::uint64_t identity = file_->plan().identity(record.run);
        if (!contents_.forgotten.contains(identity) &&
            (!contents_.records.contains(identity) || foreign.contains(identity))) {
          ByteWriter encoded;
          encode(record, encoded);
          writer.append(FrameType::record, make_record_payload(identity, encoded.view()));
          ++of_file;
        }
      });
    }
    writer.append(FrameType::plan, job_text);
    writer.sync();
    return of_file;
  }

  static void append_lines(JournalWriter& writer, FrameType type, const std::string& lines) {
    for (const std::string_view line : split(lines, '\n')) {
      if (!line.empty()) {
        writer.append(type, line);
      }
    }
  }

  /// keeps: what others put into the file so far goes into the new one; else the previous file is kept aside.
  void rebuild_file(const Plan& plan, bool keeps) {
    const MappedFile map(journal_path(path_));
    const JournalContents contents = read_journal(map.bytes(), PastDamage::stop);
    const fs::path draft = path_.string() + ".new";
    const std::vector<std::string> lost = write_result_file(
        draft, plan,
        [&](std::int64_t row) -> std::optional<RunRecord> {
          const auto found = contents.records.find(plan.identity(row));
          return found == contents.records.end()
                     ? std::nullopt
                     : std::optional(read_record(read_frame(map.bytes(), found->second.offset)).record);
        },
        {"rebuilt from the journal\n", contents.sessions, contents.agents, ""}, keeps ? path_ : fs::path());
    sync_file(draft);
    if (fs::exists(path_) && (!keeps || !lost.empty())) {
      repairs_.push_back("the previous file is now '" + keep_aside(path_, "damaged").string() + "'");
    }
    fs::rename(draft, path_);
    sync_folder_of(path_);
    repairs_.push_back("rebuilt the file from " + std::to_string(contents.records.size()) + " records");
  }

  fs::path path_;
  FileLock lock_;
  MappedFile map_;
  JournalContents contents_;
  std::optional<ResultFile> file_;
  std::vector<std::string> repairs_;
};

}  // namespace

VerifyReport verify(const fs::path& path, Repair repair) {
  const fs::path file = resolve_link(path);
  VerifyReport report = find_all_problems(file);
  if (report.problems.empty() || repair == Repair::no || !fs::exists(journal_path(file))) {
    return report;
  }
  std::vector<std::string> repairs = Repairer(file).repair();
  if (!repairs.empty()) {
    report = find_all_problems(file);
    report.repairs = std::move(repairs);
  }
  return report;
}

}  // namespace fasweep
