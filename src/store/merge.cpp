#include "store/merge.hpp"

#include <list>

#include "store/recorded_runs.hpp"
#include "sweep/plan_differences.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

void check_same_plan(const RecordedRuns& first, const RecordedRuns& other) {
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

void check_inputs(const std::list<RecordedRuns>& inputs, const fs::path& output) {
  for (const RecordedRuns& input : inputs) {
    check_same_plan(inputs.front(), input);
    std::error_code ignored;
    if (input.path() == output || fs::equivalent(input.path(), output, ignored)) {
      throw ConfigError("'" + output.string() +
                        "' is an input too (what it holds is kept anyway); leave it out of the inputs");
    }
  }
}

void take(const RecordedRuns& input, const Plan& plan, ResultStore& store) {
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
  std::list<RecordedRuns> inputs;
  for (const fs::path& path : paths) {
    inputs.emplace_back(path);
  }
  check_inputs(inputs, output);
  const Plan plan(inputs.front().job());
  ResultStore store(output, plan, std::move(options), std::move(session));
  const bool finished_before = store.complete() && !fs::exists(journal_path(output));
  if (!finished_before) {
    for (const RecordedRuns& input : inputs) {
      take(input, plan, store);
    }
  }
  if (store.differing_duplicates() > 0) {
    store.publish();  // not finished: the journal stays, and the same call finds the same differences
  } else {
    store.finish();
  }
  const auto count = [&](RunStatus status) { return store.counts()[static_cast<std::size_t>(status)]; };
  return {plan.size(), count(RunStatus::pending), count(RunStatus::failed), store.differing_duplicates(),
          store.agents()};
}

}  // namespace fasweep
