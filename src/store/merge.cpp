#include "store/merge.hpp"

#include <list>
#include <optional>
#include <unordered_map>

#include "store/journal_contents.hpp"
#include "store/record_check.hpp"
#include "store/result_file.hpp"
#include "sweep/plan_differences.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// One input: its journal if there is one, else its file.
class Input {
 public:
  explicit Input(const fs::path& path) : path_(path), map_(journal_path(path)) {
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

  [[nodiscard]] const fs::path& path() const { return path_; }
  [[nodiscard]] Job job() const {
    return file_ ? file_->plan().job() : parse_stored_job(contents_.job_text, path_.string());
  }
  [[nodiscard]] Provenance provenance() const {
    return file_ ? file_->provenance() : Provenance{"", contents_.sessions, contents_.agents, ""};
  }

  /// The records, each with its row in `plan`, which has the input's runs, in whatever order.
  void for_each_record(const Plan& plan, const std::function<void(const RunRecord&)>& visit) const {
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
      if (const auto found = contents_.records.find(plan.identity(run)); found != contents_.records.end()) {
        if (const std::string wrong = why_not_of_plan(found->second.header, run, plan); !wrong.empty()) {
          throw DamagedError("'" + journal_path(path_).string() + "' holds a record that is not of its plan (" + wrong +
                             "); merge it with the version of fasweep that wrote it");
        }
        RunRecord record = read_record(read_frame(map_.bytes(), found->second.offset)).record;
        record.run = run;  // the grid may have grown since it was recorded
        visit(record);
      }
    }
  }

 private:
  fs::path path_;
  MappedFile map_;
  JournalContents contents_;
  std::optional<ResultFile> file_;
};

void check_same_plan(const Input& first, const Input& other) {
  const Plan one(first.job());
  const Plan another(other.job());
  std::vector<std::string> differences = plan_differences(one, another);
  if (differences.empty()) {
    differences = plan_differences(another, one);  // one grid may be a part of the other
  }
  if (differences.empty()) {
    return;
  }
  std::string lines;
  for (const std::string& difference : differences) {
    lines += "\n  " + difference;
  }
  throw PlanConflictError("'" + other.path().string() + "' holds another plan than '" + first.path().string() +
                          "' (settings or grids differ); merge the shards of one job:" + lines);
}

void check_inputs(const std::list<Input>& inputs, const fs::path& output) {
  for (const Input& input : inputs) {
    check_same_plan(inputs.front(), input);
    std::error_code ignored;
    if (input.path() == output || fs::equivalent(input.path(), output, ignored)) {
      throw ConfigError("'" + output.string() +
                        "' is an input too (what it holds is kept anyway); leave it out of the inputs");
    }
  }
}

void take(const Input& input, const Plan& plan, ResultStore& store) {
  store.note_origin(input.provenance());
  input.for_each_record(plan, [&](const RunRecord& record) {
    ByteWriter encoded;
    encode(record, encoded);
    store.add(record, encoded.view());
  });
}

}  // namespace

MergeReport merge_results(const std::vector<fs::path>& paths, const fs::path& output, StoreOptions options,
                          SessionInfo session) {
  std::list<Input> inputs;
  for (const fs::path& path : paths) {
    inputs.emplace_back(path);
  }
  check_inputs(inputs, output);
  const Plan plan(inputs.front().job());
  ResultStore store(output, plan, std::move(options), std::move(session));
  const bool finished_before = store.complete() && !fs::exists(journal_path(output));
  if (!finished_before) {
    for (const Input& input : inputs) {
      take(input, plan, store);
    }
  }
  if (store.differing_duplicates() > 0) {
    store.publish();  // not finished: the journal stays, and the same call finds the same differences
  } else {
    store.finish();
  }
  const auto count = [&](RunStatus status) { return store.counts()[static_cast<std::size_t>(status)]; };
  return {plan.size(), count(RunStatus::pending), count(RunStatus::failed), store.differing_duplicates()};
}

}  // namespace fasweep
