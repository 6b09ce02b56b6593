// Runs a sweep on this rank: an agent with its worker threads, and on the leading rank the master too. Rank 0 leads
// first; if it is lost, the next rank that lives does. Everything a rank does with messages happens on the calling
// thread.
#pragma once

#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "cluster/master.hpp"
#include "cluster/transport.hpp"
#include "sweep/plan.hpp"
#include "train/record_sink.hpp"
#include "train/trainer.hpp"

namespace fasweep {

struct SweepOptions {
  int workers = 1;                             // threads of this rank that train on a core each; 0 only with devices
  int device_count = 0;                        // GPUs of this rank; workers_a_device threads more for each
  std::string description;                     // of this rank, for the provenance
  std::vector<std::string> devices;            // GPUs this rank takes to be its own, by UUID
  double device_rate = 0;                      // assumed flop per second of a GPU until it is measured
  std::span<const Dataset> datasets;           // that the runs train on, shared by the workers; none: teachers'
  std::span<const InitialState> states;        // that the runs begin with, likewise; none: drawn weights
  Checkpoints* checkpoints = nullptr;          // of this rank's workers; none: nothing is saved of an unfinished run
  const FirstStepCheck* first_step = nullptr;  // of every run; none: not checked
  double heartbeat_s = 1;                      // how often agent and master hear of each other
  MasterOptions master;
  /// Called on a rank whose turn it is to lead: where records go from now on; nullptr if they cannot be kept here. Must
  /// make sure that the rank that led no longer writes. Empty: this rank never leads unless it did from the start.
  std::function<RecordSink*()> take_over = {};
  double time_limit_s = std::numeric_limits<double>::infinity();  // the leading rank drains after this long
  std::function<int()> stop_request = [] { return 0; };           // 0 keep running, 1 drain, 2 leave at once
  std::function<void(const Progress&)> on_progress;               // of the leading rank; may be empty
  double progress_interval_s = 10;
};

/// What ended a rank's part in a sweep.
enum class SweepEnd {
  done,          // nothing was left to do
  stop_request,  // SweepOptions::stop_request
  time_limit,    // it is reached, or no remaining run would be done by then
  no_workers,    // all are lost or have resigned
  master_lost    // the leading rank died or is silent, and no other could take over
};

struct SweepResult {
  SweepEnd end = SweepEnd::done;
  std::vector<int> lost_ranks = {};  // that did not come back; known to the leading rank
};

/// Returns when the sweep is over or drained; on other ranks than the leading one when that says so, or is lost and
/// nobody follows it. sink: where records go on rank 0, nullptr elsewhere. Returns on the leading rank when the sink
/// has finished, unless it was stopped at once. Throws StoreError if records cannot be kept (the other ranks are told
/// to leave first). Sets the transport's farewell.
SweepResult run_sweep(Transport& transport, const Plan& plan, RecordSink* sink, const TrainerFactory& factory,
                      const SweepOptions& options);

}  // namespace fasweep
