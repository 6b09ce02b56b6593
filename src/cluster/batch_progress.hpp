// How far a worker has come with its batch: told by the thread that trains, read by the rank's main thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "cluster/messages.hpp"
#include "sweep/plan.hpp"
#include "train/progress_listener.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {

/// Progress of one worker, batch after batch.
class BatchProgress final : public ProgressListener {
 public:
  /// plan outlives it.
  explicit BatchProgress(const Plan& plan) : plan_(plan) {}

  void begin(std::int64_t batch);
  void reached(std::int64_t run, double share, double restored) override;

  /// Flop that finished runs owe to checkpoints.
  [[nodiscard]] double restored() const;

  /// Until the next batch there is nothing to report.
  void end();

  /// nullopt before a run of the batch has made progress.
  [[nodiscard]] std::optional<BatchWork> report() const;

 private:
  struct Run {
    double cost = 0;      // predicted flop
    double share = 0;     // done of them
    double restored = 0;  // share from a checkpoint
  };

  const Plan& plan_;
  mutable std::mutex mutex_;
  std::int64_t batch_ = 0;
  Stopwatch stopwatch_;
  double seconds_ = 0;                          // from the batch's start to the latest news
  std::unordered_map<std::int64_t, Run> runs_;  // of the batch that have made progress
};

}  // namespace fasweep
