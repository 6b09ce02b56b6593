// A batch of runs in weight space on the device: any loss, number of outputs, minibatches, dropout, biases. Products
// are a library's, the rest is weight_space_kernels.hpp. Host code only.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend/cuda/device.hpp"
#include "backend/cuda/run_batch.hpp"
#include "backend/cuda/weight_space_plan.hpp"
#include "model/batch_order.hpp"
#include "model/observation.hpp"
#include "train/trainer.hpp"

namespace fasweep {

/// A data set on the device for all batches that are trained on it: dense and normalised, or as whole multiples of a
/// unit that 16 bits hold.
class DeviceDataset {
 public:
  /// unit: of find_input_unit(); without one, inputs are float32.
  DeviceDataset(const Dataset& dataset, std::optional<double> unit, Stream& stream);

  [[nodiscard]] const Dataset* source() const { return source_; }
  [[nodiscard]] bool has_counts() const { return counts_.size() > 0; }
  // One of them exists.
  [[nodiscard]] const float* inputs() const { return inputs_.data(); }     // rows x inputs
  [[nodiscard]] const HalfPair* counts() const { return counts_.data(); }  // rows x padded inputs, in numbers
  // With counts: what one is worth, and what is subtracted.
  [[nodiscard]] const float* scale() const { return scale_.data(); }      // inputs
  [[nodiscard]] const float* shift() const { return shift_.data(); }      // inputs
  [[nodiscard]] const float* targets() const { return targets_.data(); }  // rows x outputs

 private:
  void upload_inputs(const Dataset& dataset, Stream& stream);
  void upload_counts(const Dataset& dataset, double unit, Stream& stream);

  const Dataset* source_;
  DeviceBuffer<float> inputs_;
  DeviceBuffer<HalfPair> counts_;
  DeviceBuffer<float> scale_;
  DeviceBuffer<float> shift_;
  DeviceBuffer<float> targets_;
};

class WeightSpaceRuns final : public RunBatch {
 public:
  /// Problems of one shape and runs of one activation. `settings.problem` and `settings.runs` are ignored. dataset:
  /// holds the problems' data, or nullptr if they bring their own. Everything outlives it. Step 0, all runs active.
  WeightSpaceRuns(Stream& stream, const TrainingRequest& settings, int activation,
                  std::span<const Problem* const> problems, std::span<const BatchRun> runs,
                  const DeviceDataset* dataset);

  [[nodiscard]] int chunk_steps() const override { return steps_of_a_chunk(shape_, batch_.slots); }
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

 private:
  /// Samples of a pass and where their inputs lie.
  struct PassInputs {
    SamplePass pass;
    const float* inputs = nullptr;  // with counts: not set, they are gathered
    std::int64_t stride = 0;        // from one problem's to the next's; of counts from one run's
  };
  /// Neighbours in the batch that are active and, but for counts, of one problem: their products are one call.
  struct Range {
    int first = 0;
    int count = 0;
    int problem = 0;
  };
  /// A part of the state: of all runs, and how many numbers one run has.
  struct Part {
    DeviceBuffer<float>& now;
    DeviceBuffer<float>& saved;
    std::size_t size;
  };

  void bind_pointers(const DeviceDataset* dataset);
  void bind_halves(const DeviceDataset& dataset);
  void split_again(int run);
  void upload_problem(std::size_t position, const Problem& problem, std::span<const BatchRun> runs);
  void upload_hidden(std::size_t position, const Problem& problem, std::span<const BatchRun> runs);
  [[nodiscard]] std::vector<Part> parts();
  [[nodiscard]] int active_count() const { return static_cast<int>(active_runs_.size()); }
  [[nodiscard]] double loss_share(int samples) const;
  [[nodiscard]] int batch_size(std::int64_t step);
  [[nodiscard]] std::vector<std::int32_t> rows_of(std::int64_t step);

  [[nodiscard]] PassInputs batch_inputs(int samples, const std::int32_t* rows, int offset);
  void queue_forward(const PassInputs& of);
  void queue_step(PassInputs of);
  void queue_pre_activations(const PassInputs& of, const Range& range);
  void queue_hidden_product(const PassInputs& of, const Range& range, float beta, float* into);
  void queue_evaluation(int first_row, int count, int ObservedLayout::*section);
  void queue_gradients(const PassInputs& of);
  void queue_signals();
  void queue_signal_of(const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use, int active);

  [[nodiscard]] double* observed(int ObservedLayout::*section) const;
  [[nodiscard]] std::span<const double> fetched(int ObservedLayout::*section, int run) const;
  void observe_samples(int run, Observation& o) const;
  void observe_weights(int run, Observation& o) const;

  Stream& stream_;
  Stream copies_;
  Event observed_done_;
  Products products_;
  const TrainingRequest& settings_;
  int activation_;
  WeightSpaceShape shape_;
  WeightSpaceSizes sizes_;
  ObservedLayout layout_;
  WeightSpaceBatch batch_;
  std::vector<BatchOrder> orders_;  // of each problem
  std::vector<int> problem_of_;     // of each run
  std::vector<int> active_runs_;
  std::vector<Range> ranges_;
  std::vector<int> chunk_samples_;  // of each step of the last chunk
  int observed_samples_ = 0;        // of the batch observed last

  DeviceBuffer<WeightRunParameters> parameters_;
  DeviceBuffer<std::int64_t> seeds_;
  SentBuffer<int> active_;
  SentBuffer<std::int64_t> limits_;
  SentBuffer<std::int64_t> first_step_;
  SentBuffer<float> decays_;
  SentBuffer<std::int32_t> rows_;           // step of the chunk x problem x samples
  SentBuffer<std::int32_t> observed_rows_;  // problem x samples
  DeviceBuffer<float> inputs_;
  DeviceBuffer<float> targets_;
  DeviceBuffer<float> gathered_;
  DeviceBuffer<float> feedback_;
  DeviceBuffer<float> initial_output_;
  DeviceBuffer<float> initial_hidden_;
  DeviceBuffer<float> hidden_weight_;
  DeviceBuffer<float> output_weight_;
  DeviceBuffer<float> hidden_bias_;
  DeviceBuffer<float> output_bias_;
  DeviceBuffer<float> saved_hidden_weight_;
  DeviceBuffer<float> saved_output_weight_;
  DeviceBuffer<float> saved_hidden_bias_;
  DeviceBuffer<float> saved_output_bias_;
  DeviceBuffer<float> output_gradient_;
  DeviceBuffer<float> hidden_;
  DeviceBuffer<float> seen_units_;
  DeviceBuffer<float> signal_;
  DeviceBuffer<float> predicted_;
  DeviceBuffer<float> error_;
  DeviceBuffer<float> gradients_;
  DeviceBuffer<HalfPair> gathered_counts_;
  DeviceBuffer<HalfPair> hidden_halves_;
  DeviceBuffer<HalfPair> signal_halves_;
  DeviceBuffer<float> hidden_factor_;
  DeviceBuffer<float> hidden_start_;
  DeviceBuffer<float> signal_factor_;
  DeviceBuffer<float> signal_sum_;
  DeviceBuffer<float> error_size_;
  DeviceBuffer<float> hidden_gradient_;
  DeviceBuffer<double> sample_history_;  // step of the chunk x run x blocks x sample_sums
  DeviceBuffer<double> output_squares_;  // step of the chunk x run x blocks
  DeviceBuffer<double> hidden_squares_;  // as above
  FetchedBuffer<double> observed_;
  FetchedBuffer<float> signals_;  // run x (three Gram matrices, errors)
};

}  // namespace fasweep
