// Where finished records go: the result store in a sweep, memory in tests and benchmarks. Used by rank 0's main thread
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "train/record.hpp"

namespace fasweep {

class RecordSink {
 public:
  virtual ~RecordSink() = default;
  RecordSink() = default;
  RecordSink(const RecordSink&) = delete;
  RecordSink& operator=(const RecordSink&) = delete;

  /// Whether `run` needs no training, because it has a valid record.
  [[nodiscard]] virtual bool has(std::int64_t run) const = 0;

  /// Takes one encoded record (train/record.hpp) whose header has been read. A second record of a run is compared with
  /// the first and dropped. Throws StoreError when it cannot be kept.
  virtual void add(const RecordHeader& header, std::span<const std::byte> encoded) = 0;

  /// Called a few times a second while the sweep runs: the place for bounded-interval work such as fdatasync. Returns
  /// soon: the other ranks wait for an answer meanwhile. Throws StoreError like add().
  virtual void tick() = 0;

  /// No more records are expected: writes the remaining ones, without making the caller wait. Called again and again
  /// until it returns true; a record may come late all the same, and the next call takes it in.
  [[nodiscard]] virtual bool try_finish() { return true; }

  /// Notes a worker host for the provenance, e.g. "rank 1: node7, 2 cpu workers".
  virtual void note_agent(const std::string& description) = 0;
};

}  // namespace fasweep
