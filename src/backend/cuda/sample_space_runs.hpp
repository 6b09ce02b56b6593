// A batch of runs in sample space on the device, by the kernels of sample_space_kernels.hpp. Host code only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/device.hpp"
#include "backend/cuda/run_batch.hpp"
#include "model/observation.hpp"
#include "model/problem.hpp"

namespace fasweep {

class SampleSpaceRuns final : public RunBatch {
 public:
  /// Problems of one shape, rows (training and test samples) <= max_rows. Step 0, all runs active.
  SampleSpaceRuns(Stream& stream, int activation, std::span<const Problem* const> problems,
                  std::span<const BatchRun> runs);

  [[nodiscard]] int chunk_steps() const override { return max_steps_a_chunk; }
  void set_active(std::span<const int> active) override;
  void advance(std::int64_t first, int count, std::span<const float> decays,
               std::span<const std::int64_t> limits) override;
  [[nodiscard]] std::vector<Seen> seen(int count) const override;
  void observe(std::int64_t step) override;
  [[nodiscard]] std::vector<Observation> observations() override;
  void save() override;
  void restore(int run) override;
  [[nodiscard]] std::unique_ptr<NetworkReader> copy_network(int run, const Problem& problem) const override;
  void write(int run, ByteWriter& out) override;
  void read(int run, ByteReader& in) override;

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

  /// A part of the state: of all runs, and the pieces of it that are one run's.
  struct Part {
    DeviceBuffer<float>& now;
    DeviceBuffer<float>& saved;
    std::size_t size;
    int pieces = 1;  // equal parts of the buffer, each with `size` numbers a run
  };
  [[nodiscard]] std::vector<Part> parts();
  /// visit(part, first number) for every piece of a run's state.
  template <class Visit>
  void for_pieces(int run, Visit visit);

  Stream& stream_;
  Stream copies_;
  Event observed_done_;
  int activation_;
  SampleSpaceBatch batch_;

  DeviceBuffer<RunParameters> parameters_;
  SentBuffer<int> active_;
  SentBuffer<std::int64_t> limits_;
  SentBuffer<std::int64_t> first_step_;
  SentBuffer<float> decays_;
  DeviceBuffer<float> gram_;
  DeviceBuffer<float> targets_;
  DeviceBuffer<float> feedback_;
  DeviceBuffer<float> initial_output_;
  DeviceBuffer<float> z_;
  DeviceBuffer<float> moves_;
  DeviceBuffer<float> output_weight_;
  DeviceBuffer<float> partials_;
  DeviceBuffer<float> history_;
  FetchedBuffer<float> errors_;
  FetchedBuffer<double> observed_;
  DeviceBuffer<float> saved_z_;
  DeviceBuffer<float> saved_moves_;
  DeviceBuffer<float> saved_output_weight_;
  DeviceBuffer<float> saved_partials_;
  int active_count_ = 0;
  std::unique_ptr<Graph> full_chunk_;  // max_steps_a_chunk steps of as many active runs
};

}  // namespace fasweep
