// Plans, sinks and trainers for tests of the protocol: nothing is trained, every record follows from its run.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cluster/sweep_runner.hpp"
#include "train/record_sink.hpp"
#include "train/train_loop.hpp"

namespace fasweep::testing {

inline Plan make_plan(const KeyValues& overrides = {}) {
  return Plan(
      parse_job("[grid]\np = 8, 64, 512\nlambda = 0, 0.5, 1\nseed = 0..9\n[training]\nmax-steps = 100\n[record]\n"
                "metrics = loss, alignment\nsteps = log(4)\n",
                "test.cfg", overrides));
}

/// A record whose numbers follow from the run alone.
inline RunRecord make_record(const RunSpec& run, const RecordSettings& settings) {
  RunRecord record;
  record.run = run.run;
  record.steps = settings.steps.back();
  record.wall_s = 1e-3;
  record.status = RunStatus::done;
  record.reason = StopReason::max_steps;
  record.metrics = static_cast<std::uint32_t>(settings.metrics.size());
  record.points = static_cast<std::uint32_t>(settings.steps.size());
  record.trajectory.assign(settings.metrics.size() * settings.steps.size(), run.width + run.ridge);
  record.final_values.assign(settings.metrics.size(), static_cast<double>(run.seed));
  return record;
}

/// Keeps records in memory, in the encoding they came in.
class MemorySink final : public RecordSink {
 public:
  [[nodiscard]] bool has(std::int64_t run) const override { return records.contains(run); }
  void add(const RecordHeader& header, std::span<const std::byte> encoded) override {
    ++added;
    ByteReader in(encoded);
    RunRecord record = decode_record(in);
    record.worker = 0;
    record.wall_s = 0;
    record.finished_at = 0;
    ByteWriter out;
    encode(record, out);
    records.try_emplace(header.run, out.take());
    statuses.try_emplace(header.run, header.status);
  }
  void tick() override {}
  void note_agent(const std::string& description) override { agents.push_back(description); }

  std::map<std::int64_t, Bytes> records;
  std::map<std::int64_t, RunStatus> statuses;
  std::vector<std::string> agents;
  std::int64_t added = 0;
};

/// Calls `each` for a run before its record is made; `each` may throw or wait.
class FakeTrainer final : public Trainer {
 public:
  using Each = std::function<void(const RunSpec& run, const std::atomic<bool>& cancelled)>;
  explicit FakeTrainer(Each each = {}, int problems_at_once = 1)
      : each_(std::move(each)), problems_at_once_(problems_at_once) {}

  [[nodiscard]] int problems_at_once(const DataSettings& /*data*/, int /*width*/) const override {
    return problems_at_once_;
  }

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    std::vector<RunRecord> records;
    for (const RunSpec& run : request.runs) {
      if (each_) {
        each_(run, request.cancelled);
      }
      records.push_back(make_record(run, request.record));
      if (request.cancelled) {
        records.back().status = RunStatus::cancelled;
      }
    }
    return records;
  }

 private:
  Each each_;
  int problems_at_once_;
};

inline TrainerFactory fake_factory(FakeTrainer::Each each = {}) {
  return [each](int /*worker*/) { return std::make_unique<FakeTrainer>(each); };
}

}  // namespace fasweep::testing
