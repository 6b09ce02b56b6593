// The plan: run number <-> point of the grid, and what each run is called and costs. A pure function of the job text,
// so every rank computes the same plan and a batch on the wire is a few integers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/problem.hpp"
#include "model/solver.hpp"
#include "sweep/job.hpp"

namespace fasweep {

/// The part of a plan that one of several independent jobs trains: problems index, index + count, index + 2 count, ...
struct Shard {
  std::int64_t index = 0;  // 0..count-1
  std::int64_t count = 1;
};

/// Runs are numbered with lambda fastest, then rule, seed, width and activation, so that the runs of one problem (one
/// seed, width and activation: same data, same initial state) are consecutive.
class Plan {
 public:
  explicit Plan(Job job, Solver solver = Solver::automatic, Shard shard = {});

  [[nodiscard]] const Job& job() const { return job_; }
  [[nodiscard]] Solver wanted_solver() const { return solver_; }
  [[nodiscard]] std::int64_t size() const { return problems_ * runs_per_problem_; }
  [[nodiscard]] std::int64_t problems() const { return problems_; }
  [[nodiscard]] std::int64_t runs_per_problem() const { return runs_per_problem_; }

  /// A shard has every row of the plan, its hash too, and leaves pending what other shards train.
  [[nodiscard]] Shard shard() const { return shard_; }
  /// Whether this shard trains `run`.
  [[nodiscard]] bool in_shard(std::int64_t run) const { return run / runs_per_problem_ % shard_.count == shard_.index; }
  /// Runs this shard trains.
  [[nodiscard]] std::int64_t shard_size() const;

  /// run: 0..size()-1.
  [[nodiscard]] RunSpec at(std::int64_t run) const;
  [[nodiscard]] ProblemKey problem_key(std::int64_t problem) const;

  /// Name of a run for all time: a hash of its canonical parameters, whatever else the grid holds.
  [[nodiscard]] std::uint64_t identity(std::int64_t run) const;

  /// Hash of the resolved job text, later keys at their default and the data set's path left out.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }

  /// The solver that will train a run.
  [[nodiscard]] Solver solver(std::int64_t run) const;

  /// Predicted work in flop: of one run, steps up to its bound, and of the set-up its problem's runs share.
  [[nodiscard]] double run_cost(std::int64_t run) const;
  [[nodiscard]] double setup_cost(std::int64_t run) const;

  /// Upper bound of a run's record in the journal and on the wire.
  [[nodiscard]] std::int64_t record_bytes() const;

 private:
  Job job_;
  Solver solver_;
  Shard shard_;
  std::int64_t runs_per_problem_;
  std::int64_t problems_;
  std::uint64_t shared_hash_;
  std::uint64_t hash_;
};

/// What a plan needs, before anything runs. Upper bounds: runs that stop early need less.
struct PlanSize {
  double flop = 0;
  std::int64_t file_bytes = 0;     // result file, uncompressed
  std::int64_t journal_bytes = 0;  // journal beside it while the sweep runs
  std::int64_t data_bytes = 0;     // memory of the data set, for each node
  std::int64_t worker_bytes = 0;   // memory of the largest run, for each worker
  std::int64_t master_bytes = 0;   // memory of the plan's book-keeping on rank 0
};
/// dataset: nullptr for a teacher's, whose data count for each worker.
[[nodiscard]] PlanSize measure_plan(const Plan& plan, const Dataset* dataset = nullptr);

}  // namespace fasweep
