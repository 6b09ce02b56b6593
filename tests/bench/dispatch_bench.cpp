// Runs that cost nothing to train, through the real protocol (MPI) and the real store: what is left is what fasweep
// itself costs. Question: how many runs a second, and how much of rank 0's main thread does a run take?
// usage: mpirun -n 2 dispatch_bench [runs]
#include <ctime>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "cluster/mpi_transport.hpp"
#include "cluster/sweep_runner.hpp"
#include "store/result_store.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

/// Records of the right shape, nothing trained.
class IdleTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    std::vector<RunRecord> records;
    for (const RunSpec& run : request.runs) {
      RunRecord record;
      record.run = run.run;
      record.status = RunStatus::done;
      record.reason = StopReason::max_steps;
      record.precision = request.training.precision;
      record.metrics = static_cast<std::uint32_t>(request.record.metrics.size());
      record.points = static_cast<std::uint32_t>(request.record.steps.size());
      record.trajectory.assign(std::size_t{record.metrics} * record.points, run.ridge);
      record.final_values.assign(record.metrics, run.ridge);
      records.push_back(std::move(record));
    }
    return records;
  }
};

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

int run_benchmark(int runs) {
  constexpr int seeds = 100;
  const int lambdas = std::max(2, runs / seeds);
  const Plan plan(parse_job("[grid]\np = 1\nlambda = linspace(0, 1, " + std::to_string(lambdas) + ")\nseed = 0.." +
                                std::to_string(seeds - 1) +
                                "\n[data]\nn = 1\nd = 1\n[training]\nmax-steps = 1000\n[record]\nsteps = log(10)\n",
                            "dispatch_bench", {}));
  const std::unique_ptr<Transport> transport = make_mpi_transport();
  const bool is_master = transport->rank() == 0;
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("fasweep-dispatch-" + std::to_string(std::time(nullptr)));
  std::optional<ResultStore> store;
  if (is_master) {
    std::filesystem::create_directory(folder);
    store.emplace(folder / "bench.h5", plan, StoreOptions{}, SessionInfo{});
  }
  const TrainerFactory factory = [](int) { return std::make_unique<IdleTrainer>(); };

  const double busy_before = thread_seconds();
  const Stopwatch stopwatch;
  run_sweep(*transport, plan, is_master ? &*store : nullptr, factory, {});
  if (is_master) {
    const double busy = thread_seconds() - busy_before;
    const double swept = stopwatch.seconds();
    store->finish();
    const double finished = stopwatch.seconds();
    const auto count = static_cast<double>(plan.size());
    std::printf("%.0f runs, %d ranks: %.0f runs/s with the file (%.0f without), rank 0's main thread %.2f us a run\n",
                count, transport->size(), count / finished, count / swept, busy / count * 1e6);
    store.reset();
    std::filesystem::remove_all(folder);
  }
  return 0;
}

}  // namespace
}  // namespace fasweep

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 200000;
  if (argc > 2 || runs < 200) {
    std::fprintf(stderr, "usage: mpirun -n 2 dispatch_bench [runs, at least 200]\n");
    return 2;
  }
  return fasweep::run_benchmark(runs);
}
