// The plan: run number <-> point of the grids, and each run's name and cost. A pure function of the job text,
// so every rank computes the same plan and a batch on the wire is a few integers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/metric_layout.hpp"
#include "model/problem.hpp"
#include "model/solver.hpp"
#include "sweep/job.hpp"

namespace fasweep {

/// Consecutive runs first, first + 1, ..., first + count - 1 of a plan.
struct RunRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
  friend bool operator==(const RunRange&, const RunRange&) = default;
};

/// The part of a plan that one of several independent jobs trains: problems index, index + count, index + 2 count, ...
struct Shard {
  std::int64_t index = 0;  // 0..count-1
  std::int64_t count = 1;
};

/// The runs of the job's grids in order, each run once. Within a grid the runs of one problem (same data, same initial
/// state) are consecutive; lambda is fastest, activation slowest.
class Plan {
 public:
  explicit Plan(Job job, Solver solver = Solver::automatic, Shard shard = {});

  [[nodiscard]] const Job& job() const { return *job_; }
  [[nodiscard]] Solver wanted_solver() const { return solver_; }
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] std::int64_t problems() const { return problems_; }

  /// Runs of a problem, 0..problems()-1, and the problem of a run.
  [[nodiscard]] RunRange runs_of(std::int64_t problem) const;
  [[nodiscard]] std::int64_t problem_of(std::int64_t run) const;

  /// A shard has every row of the plan, its hash too, and leaves pending what other shards train.
  [[nodiscard]] Shard shard() const { return shard_; }
  /// Whether this shard trains `run`.
  [[nodiscard]] bool in_shard(std::int64_t run) const { return problem_of(run) % shard_.count == shard_.index; }
  /// Runs this shard trains.
  [[nodiscard]] std::int64_t shard_size() const;

  /// run: 0..size()-1. point(): all values of the run; at(): its coordinates; settings(): what it shares with others.
  [[nodiscard]] Point point(std::int64_t run) const;
  [[nodiscard]] RunSpec at(std::int64_t run) const { return point(run).run; }
  [[nodiscard]] RunSettings settings(std::int64_t run) const { return settings(point(run)); }
  [[nodiscard]] RunSettings settings(Point point) const;

  /// Recorded steps of a run, and of all runs together: the columns of the result file.
  [[nodiscard]] const std::vector<std::int64_t>& recorded_steps(const Point& point) const;
  [[nodiscard]] const std::vector<std::int64_t>& recorded_steps() const { return all_steps_; }
  [[nodiscard]] const std::vector<int>& metrics() const { return job_->metrics; }
  /// Where their numbers lie among those of a step: of a run, and of the largest run, as result files have them.
  [[nodiscard]] MetricLayout layout(const Point& point) const;
  [[nodiscard]] const MetricLayout& layout() const { return layout_; }
  /// The widest precision of any run.
  [[nodiscard]] Precision precision() const { return precision_; }

  /// Keys that differ between runs, and those of the paper's axes, in the order of the table.
  [[nodiscard]] std::vector<const Key*> axes() const;
  /// Keys given for every run: the axes, then step size, n, d and k.
  [[nodiscard]] std::vector<const Key*> columns() const;

  /// Name of a run for all time: a hash of its canonical parameters, whatever else the grid holds.
  [[nodiscard]] std::uint64_t identity(std::int64_t run) const;

  /// plan_hash() of the resolved job text.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

  /// The solver that will train a run.
  [[nodiscard]] Solver solver(std::int64_t run) const { return cost(run).solver; }

  /// Predicted work in flop: of one run, steps up to its bound, and of the set-up its problem's runs share.
  [[nodiscard]] double run_cost(std::int64_t run) const { return cost(run).run; }
  [[nodiscard]] double setup_cost(std::int64_t run) const { return cost(run).setup; }
  /// The part of a run's work that is for metrics that read a snapshot.
  [[nodiscard]] double snapshot_cost(std::int64_t run) const { return cost(run).snapshot; }

  /// All of these.
  struct Cost {
    Solver solver = Solver::automatic;
    double run = 0;
    double setup = 0;
    double snapshot = 0;
  };
  [[nodiscard]] Cost cost(std::int64_t run) const;

  /// Runs that cost the same, because they differ only in what no cost depends on: seeds, mostly lambda too.
  struct Kind {
    Cost cost;
    std::int64_t runs = 0;
    std::int64_t problems = 0;  // whose first run is among them
  };
  /// Calls `visit` with kinds that together are the plan; one kind may come in several parts.
  void for_each_kind(const std::function<void(const Kind& kind)>& visit) const;

  /// Upper bound of a run's record in the journal and on the wire.
  [[nodiscard]] std::int64_t record_bytes() const;

 private:
  /// A grid of the job and where its runs are.
  struct Block {
    const Grid* grid = nullptr;
    std::int64_t first_run = 0;
    std::int64_t first_problem = 0;
    std::int64_t runs = 0;
    std::int64_t problems = 0;
    std::vector<std::int64_t> kept;          // indices in the grid, if some of its runs are in an earlier grid too
    std::vector<std::int64_t> problem_ends;  // then: ends of the problems in `kept`
    std::vector<bool> settings;              // dimensions on which settings depend
    std::vector<std::uint64_t> hashes;       // of the settings' lines by combination; empty: too many to keep
    std::vector<bool> pricing;               // dimensions on which costs depend
    std::vector<Cost> costs;                 // by combination; empty: too many to keep
  };

  void add_grid(const Grid& grid);
  void price(Block& block) const;
  [[nodiscard]] Cost cost_of(const Point& point) const;
  [[nodiscard]] Cost cost_in(const Block& block, std::int64_t index) const;
  void drop_repeats();
  void collect_steps();
  void collect_layout();
  [[nodiscard]] double observations(const Point& point) const;
  [[nodiscard]] const Block& block_of(std::int64_t run) const;
  [[nodiscard]] std::int64_t index_in(const Block& block, std::int64_t run) const;
  [[nodiscard]] std::uint64_t identity_in(const Block& block, std::int64_t index) const;

  std::shared_ptr<const Job> job_;  // blocks point into it, and copies of a plan share it
  Solver solver_;
  Shard shard_;
  std::vector<Block> blocks_;
  std::int64_t size_ = 0;
  std::int64_t problems_ = 0;
  std::uint64_t hash_ = 0;
  Precision precision_ = Precision::float32;
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::int64_t>> steps_;  // by max-steps and epoch
  std::vector<std::int64_t> all_steps_;
  MetricLayout layout_;
};

/// What a plan needs, before anything runs. Upper bounds: runs that stop early need less.
struct PlanSize {
  double flop = 0;
  double snapshot_flop = 0;        // of it, for metrics that read a snapshot
  std::int64_t file_bytes = 0;     // result file, uncompressed
  std::int64_t journal_bytes = 0;  // journal beside it while the sweep runs
  std::int64_t data_bytes = 0;     // memory of the data sets, for each node
  std::int64_t worker_bytes = 0;   // memory of the largest run, for each worker
  std::int64_t master_bytes = 0;   // memory of the plan's book-keeping on rank 0
};
/// datasets: none for teachers, whose data count for each worker.
[[nodiscard]] PlanSize measure_plan(const Plan& plan, std::span<const Dataset> datasets = {});

}  // namespace fasweep
