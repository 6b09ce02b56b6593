// How long does a start of a sweep with very many finished runs take? Writes a journal of RUNS records into FOLDER,
// then times what a restart does: checksums, replay, the queue of the rest. Usage: replay_bench FOLDER [RUNS [keep]]
// keep: leaves the journal of 99 % of the runs, and their job, for `fasweep run FOLDER/replay_bench.cfg -o
// FOLDER/replay_bench.h5`.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "store/result_file.hpp"
#include "store/result_store.hpp"
#include "sweep/work_queue.hpp"
#include "util/stopwatch.hpp"

namespace {

using namespace fasweep;

std::string make_job(std::int64_t runs) {
  constexpr std::int64_t ridges = 4;
  return "[grid]\np = 100\nlambda = 0, 0.1, 0.3, 1\nseed = 0.." + std::to_string(runs / ridges - 1) +
         "\n[training]\nmax-steps = 20000\n[record]\nsteps = log(48)\nmetrics = loss, alignment\n";
}

RunRecord make_record(const Plan& plan) {
  const RecordSettings settings = plan.settings(0).record;
  RunRecord record;
  record.steps = 20000;
  record.status = RunStatus::done;
  record.reason = StopReason::max_steps;
  record.metrics = static_cast<std::uint32_t>(settings.metrics.size());
  record.points = static_cast<std::uint32_t>(settings.steps.size());
  record.trajectory.assign(settings.metrics.size() * settings.steps.size(), 0.5);
  record.final_values.assign(settings.metrics.size(), 0.5);
  return record;
}

/// The first `count` runs.
void write_journal(const std::filesystem::path& file, const Plan& plan, std::int64_t count) {
  ResultStore store(file, plan, {}, {"replay_bench", "", "host"});
  RunRecord record = make_record(plan);
  for (std::int64_t run = 0; run < count; ++run) {
    record.run = run;
    ByteWriter encoded;
    encode(record, encoded);
    store.add(record, encoded.view());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: replay_bench FOLDER [RUNS [keep]]\n";
    return 2;
  }
  const std::filesystem::path file = std::filesystem::path(argv[1]) / "replay_bench.h5";
  const std::string job = make_job(argc > 2 ? std::stoll(argv[2]) : 1'000'000);
  const Plan plan(parse_job(job, "bench.cfg"));
  const bool is_kept = argc > 3 && std::string(argv[3]) == "keep";
  const Stopwatch writing;
  write_journal(file, plan, plan.size() - (is_kept ? plan.size() / 100 : plan.runs_of(0).count));  // it is not over
  const double written_s = writing.seconds();
  const auto bytes = std::filesystem::file_size(journal_path(file));
  {
    const Stopwatch replaying;
    const ResultStore store(file, plan, {}, {"replay_bench", "", "host"});
    const double replayed_s = replaying.seconds();
    const WorkQueue queue(plan, [&](std::int64_t run) { return store.has(run); });
    std::cout << plan.size() << " runs, journal " << bytes / 1'000'000 << " MB: written in " << written_s
              << " s, replayed in " << replayed_s << " s, queue of " << queue.runs_left() << " runs after "
              << replaying.seconds() << " s\n";
  }
  if (is_kept) {
    std::ofstream(std::filesystem::path(argv[1]) / "replay_bench.cfg") << job;
  } else {
    std::filesystem::remove(journal_path(file));
  }
}
