// The outcome of one run, and its one encoding: the bytes a worker sends are the bytes the journal keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/observation.hpp"
#include "model/run_spec.hpp"
#include "model/solver.hpp"
#include "model/status.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Everything of a record but its numbers; readable without decoding them.
struct RecordHeader {
  std::int64_t run = 0;     // row in the plan of the sender
  std::int64_t steps = 0;   // updates applied; the last observed step
  double wall_s = 0;        // seconds of training, set-up shared by the runs of a batch excluded
  double finished_at = 0;   // Unix seconds
  std::int32_t worker = 0;  // number of the worker over the whole sweep, from 0
  RunStatus status = RunStatus::pending;
  StopReason reason = StopReason::none;
  Solver solver = Solver::automatic;
  Precision precision = Precision::float32;    // of the numbers in the encoding
  std::uint32_t metrics = 0;                   // numbers at each recorded step (MetricLayout::values)
  std::uint32_t points = 0;                    // recorded steps reached, <= steps of RecordSettings
  double first_step_deviation = not_a_number;  // train/first_step.hpp
};

struct RunRecord : RecordHeader {
  std::vector<double> trajectory;    // metrics x points: [number of a step][point]
  std::vector<double> final_values;  // metrics: the numbers of step `steps`
  std::string error;                 // why, when status is failed
};

/// Appends the encoding of `record` to `out`. Numbers are written in record.precision.
void encode(const RunRecord& record, ByteWriter& out);

/// Reads one record; throws TransportError on bytes that are not one (lengths, codes out of range).
[[nodiscard]] RunRecord decode_record(ByteReader& in);

/// Reads the header and skips the numbers; the same checks as decode_record.
[[nodiscard]] RecordHeader skip_record(ByteReader& in);

}  // namespace fasweep
