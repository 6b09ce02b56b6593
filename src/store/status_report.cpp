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
  std::int64_t run = 0;     // its row when it was recorded
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

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split(text, '\n')) {
    if (!line.empty()) {
      lines.emplace_back(line);
    }
  }
  return lines;
}

/// What runs take, by the values of the axes.
class TimesByValue {
 public:
  explicit TimesByValue(const Plan& plan) : axes_(plan.axes()), times_(axes_.size()) {}

  void add(const Point& point, double seconds) {
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      Time& time = times_[axis][write_value(*axes_[axis], point)];
      time.seconds += seconds;
      ++time.runs;
    }
  }

  /// Of each axis with several values.
  [[nodiscard]] std::vector<SlowestValue> slowest() const {
    std::vector<SlowestValue> result;
    for (std::size_t axis = 0; axis < axes_.size(); ++axis) {
      const auto longest = std::max_element(times_[axis].begin(), times_[axis].end(), [](const auto& a, const auto& b) {
        return a.second.mean() < b.second.mean();
      });
      if (times_[axis].size() > 1) {
        result.push_back({std::string(axes_[axis]->short_name()), longest->first, longest->second.mean()});
      }
    }
    return result;
  }

 private:
  struct Time {
    double seconds = 0;
    std::int64_t runs = 0;
    [[nodiscard]] double mean() const { return seconds / static_cast<double>(runs); }
  };

  std::vector<const Key*> axes_;
  std::vector<std::map<std::string, Time>> times_;  // by axis
};

StatusReport status_of_journal(const fs::path& path, StatusDetail detail) {
  const MappedFile map(path);
  std::vector<Said> said;
  const JournalContents contents =
      read_journal(map.bytes(), PastDamage::go_on,
                   {[&](std::uint64_t identity, const JournalContents::Entry& entry) {
                      said.push_back({identity, said.size(), entry.offset, entry.header.run, entry.header.wall_s,
                                      entry.header.status});
                    },
                    [&](std::uint64_t identity) {
                      said.push_back({identity, said.size(), 0, 0, 0, RunStatus::pending});
                    }});
  if (contents.job_text.empty()) {
    throw DamagedError("'" + path.string() + "' is damaged (it holds no plan); run fasweep verify --repair");
  }
  const Plan plan(parse_stored_job(contents.job_text, path.string()));
  StatusReport report;
  report.job_text = contents.job_text;
  report.runs = plan.size();
  report.counts[0] = plan.size();
  report.agents = lines_of(contents.agents);
  TimesByValue times(plan);
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
    if (detail == StatusDetail::work && counts->status != RunStatus::pending) {
      const std::int64_t run = find_run(plan, counts->identity, counts->run);
      report.work_done += plan.run_cost(run);
      times.add(plan.point(run), counts->wall_s);
    }
    if (counts->status == RunStatus::failed) {
      const RunRecord record = read_record(read_frame(map.bytes(), counts->offset)).record;
      failures.emplace(find_run(plan, counts->identity, record.run), record.error);
    }
  }
  if (detail == StatusDetail::work) {
    plan.for_each_kind([&](const Plan::Kind& kind) { report.work += static_cast<double>(kind.runs) * kind.cost.run; });
    report.slowest = times.slowest();
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
  report.failures = lines_of(file.provenance().failures);
  report.agents = lines_of(file.provenance().agents);
  return report;
}

}  // namespace

StatusReport read_status(const fs::path& file, StatusDetail detail) {
  return fs::exists(journal_path(file)) ? status_of_journal(journal_path(file), detail) : status_of_file(file);
}

}  // namespace fasweep
