// The interface every backend implements: train a batch of runs that share data and initial state.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "model/snapshot.hpp"
#include "model/solver.hpp"
#include "train/checkpoint.hpp"
#include "train/first_step.hpp"
#include "train/idle_workers.hpp"
#include "train/progress_listener.hpp"
#include "train/record.hpp"

namespace fasweep {

/// Sees the networks of runs in training, to write them out or to compare them.
class SnapshotVisitor {
 public:
  virtual ~SnapshotVisitor() = default;
  /// The snapshot is valid during the call. A run that continues from a checkpoint does not show its earlier steps.
  virtual void visit(std::int64_t run, const Snapshot& snapshot) = 0;
};

/// What to train. The referenced objects outlive the call.
struct TrainingRequest {
  const Problem& problem;
  const DataSettings& data;
  const TrainingSettings& training;
  const RecordSettings& record;
  std::span<const RunSpec> runs;         // all of this problem
  Solver solver = Solver::automatic;     // wanted; each record says which was used
  const std::atomic<bool>& cancelled;    // looked at every step: when set, return soon
  Checkpoints* checkpoints = nullptr;    // where long runs are saved and continued from; none: they are not
  ProgressListener* listener = nullptr;  // told how far runs have come; may be none
  IdleWorkers* idle_workers = nullptr;   // who may evaluate while a run trains; none: the run waits
  SnapshotVisitor* visitor = nullptr;    // shown every run at its recorded steps and its last; none: costs nothing
  const FirstStepCheck* first_step = nullptr;  // checks the first step of runs that CPUs train; none: nothing does
};

/// Trains runs one batch at a time; used by one thread at a time. Results depend on the request alone, not on what was
/// trained before nor on which runs share a batch.
class Trainer {
 public:
  virtual ~Trainer() = default;
  Trainer() = default;
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// One record a run, in the order of request.runs. A run that fails is a record with status failed and its error; a
  /// run cut short by request.cancelled has status cancelled. Throws only when nothing can be trained any more
  /// (DeviceError).
  [[nodiscard]] virtual std::vector<RunRecord> train(const TrainingRequest& request) = 0;

  /// How many problems of this width it would have together, each in memory meanwhile. At least 1.
  [[nodiscard]] virtual int problems_at_once(const DataSettings& /*data*/, int /*width*/) const { return 1; }

  /// train() for requests whose problems have one shape and whose runs have one width and activation; requests with the
  /// same settings refer to the same objects, requests of the same problem follow each other. One after the other
  /// unless a trainer gains by more; records in the order of the requests.
  [[nodiscard]] virtual std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests);
};

/// Makes the trainer of one worker thread, inside that thread. worker: its number on this rank, from 0.
using TrainerFactory = std::function<std::unique_ptr<Trainer>(int worker)>;

}  // namespace fasweep
