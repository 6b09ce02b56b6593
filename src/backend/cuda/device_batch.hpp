// A batch of runs on the device: its state, uploaded once, and the operations the training loop is made of. Host code
// only; nothing here decides when to record or stop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/device.hpp"
#include "model/metric.hpp"
#include "model/problem.hpp"

namespace fasweep {

/// One run of a batch.
struct BatchRun {
  int problem = 0;  // position among the batch's problems
  int rule = 0;     // position in `Rules`
  double step_size = 0;
};

class DeviceBatch {
 public:
  /// Problems of one shape, rows (training and test samples) <= max_rows. Step 0, all runs active.
  DeviceBatch(Stream& stream, int activation, std::span<const Problem* const> problems, std::span<const BatchRun> runs);

  /// The runs that the operations below touch; positions in the batch, increasing.
  void set_active(std::span<const int> active);

  /// Takes steps first, first + 1, ... of the active runs; of run r only those below limits[r].
  /// decays: 1 - eta lambda(t), [step - first][run of the batch]. 1 <= count <= max_steps_a_chunk.
  void advance(std::int64_t first, int count, std::span<const float> decays, std::span<const std::int64_t> limits);

  /// What the last advance() saw before each of its steps, [step - first][run of the batch]; means nothing for runs
  /// that did not take the step.
  struct Seen {
    double squared_error = 0;  // of the training samples
    double output_square = 0;  // ||beta||^2
  };
  [[nodiscard]] std::vector<Seen> seen(int count) const;

  /// Queues an observation of the active runs at step `step`, which they stand at.
  void observe(std::int64_t step);

  /// Fetches the last observation: all but `ridge`, one a run of the batch, valid for the runs then active.
  [[nodiscard]] std::vector<Observation> observations() const;

  /// Keeps the state of the batch; restore() brings one run's back.
  void save();
  void restore(int run);

  /// z, moves and output weights of a run, in that order.
  [[nodiscard]] std::vector<float> state(int run) const;

 private:
  // Numbers in one run's part of the arrays.
  [[nodiscard]] std::size_t z_size() const;
  [[nodiscard]] std::size_t moves_size() const;
  [[nodiscard]] std::size_t width() const { return static_cast<std::size_t>(batch_.width); }
  [[nodiscard]] std::size_t values() const { return static_cast<std::size_t>(batch_.rows) + 1; }
  [[nodiscard]] std::size_t partials_size() const;
  void bind_pointers();
  void upload_problem(std::size_t position, const Problem& problem);
  void upload_start(std::size_t position, const Problem& problem, std::span<const BatchRun> runs);
  void queue_steps(int count);

  Stream& stream_;
  int activation_;
  SampleSpaceBatch batch_;

  DeviceBuffer<RunParameters> parameters_;
  DeviceBuffer<int> active_;
  DeviceBuffer<std::int64_t> limits_;
  DeviceBuffer<std::int64_t> first_step_;
  DeviceBuffer<float> decays_;
  DeviceBuffer<float> gram_;
  DeviceBuffer<float> targets_;
  DeviceBuffer<float> feedback_;
  DeviceBuffer<float> initial_output_;
  DeviceBuffer<float> z_;
  DeviceBuffer<float> moves_;
  DeviceBuffer<float> output_weight_;
  DeviceBuffer<float> partials_;
  DeviceBuffer<float> history_;
  DeviceBuffer<float> errors_;
  DeviceBuffer<double> observed_;
  DeviceBuffer<float> saved_z_;
  DeviceBuffer<float> saved_moves_;
  DeviceBuffer<float> saved_output_weight_;
  DeviceBuffer<float> saved_partials_;
  int active_count_ = 0;
  std::unique_ptr<Graph> full_chunk_;  // max_steps_a_chunk steps of as many active runs
};

}  // namespace fasweep
