// A batch of runs on the device as the training loop (batch_loop.hpp) sees it: state, uploaded once, and the operations
// the loop is made of. One implementation per solver; nothing here decides when to record or stop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/snapshot.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Steps that the device takes before the host looks at them.
inline constexpr int max_steps_a_chunk = 128;

/// One run of a batch.
struct BatchRun {
  int problem = 0;  // position among the batch's problems
  int rule = 0;     // position in `Rules`
  double step_size = 0;
};

class RunBatch {
 public:
  virtual ~RunBatch() = default;
  RunBatch() = default;
  RunBatch(const RunBatch&) = delete;
  RunBatch& operator=(const RunBatch&) = delete;

  /// Most steps, 1..max_steps_a_chunk, of one advance(): few enough that a drain need not wait.
  [[nodiscard]] virtual int chunk_steps() const = 0;

  /// The runs that the operations below touch; positions in the batch, increasing.
  virtual void set_active(std::span<const int> active) = 0;

  /// Queues steps first, first + 1, ... of the active runs; of run r only those below limits[r].
  /// decays: 1 - eta lambda(t), [step - first][run of the batch]. 1 <= count <= chunk_steps().
  virtual void advance(std::int64_t first, int count, std::span<const float> decays,
                       std::span<const std::int64_t> limits) = 0;

  /// What the last advance() saw before each of its steps, [step - first][run of the batch]; means nothing for runs
  /// that did not take the step. Waits for it.
  struct Seen {
    double loss = 0;            // of the step's samples, without ridge
    double decayed_square = 0;  // squared norm of what the ridge decays
  };
  [[nodiscard]] virtual std::vector<Seen> seen(int count) const = 0;

  /// Queues an observation of the active runs at step `step`, which they stand at, and its way to the host, on which
  /// nothing that is queued later waits.
  virtual void observe(std::int64_t step) = 0;

  /// The last observation: all but `ridge`, one a run of the batch, valid for the runs then active. Waits for it.
  [[nodiscard]] virtual std::vector<Observation> observations() = 0;

  /// The network of an active run as it stands. Waits for what is queued. problem: the run's, which outlives the copy.
  [[nodiscard]] virtual std::unique_ptr<NetworkReader> copy_network(int run, const Problem& problem) const = 0;

  /// Keeps the state of the batch on the device; restore() brings one run's back.
  virtual void save() = 0;
  virtual void restore(int run) = 0;

  /// All that the steps of a run from here on depend on, bit for bit; read() takes what write() gave for a run of the
  /// same problem and throws TransportError on anything of another length.
  virtual void write(int run, ByteWriter& out) = 0;
  virtual void read(int run, ByteReader& in) = 0;
};

}  // namespace fasweep
