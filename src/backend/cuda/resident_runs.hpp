// A batch of runs on the device by the resident kernel (resident_kernels.hpp). Host code only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/device.hpp"
#include "backend/cuda/resident_start.hpp"
#include "backend/cuda/run_batch.hpp"
#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

class ResidentRuns {
 public:
  /// sizes: of the batch (measure_resident()). runs: eta, rule and problem of each; ridges, last_steps and last_reasons
  /// likewise. Step 0, nothing observed. starts: one a problem.
  ResidentRuns(Stream& stream, int activation, const ResidentBatch& sizes, const TrainingSettings& training,
               std::span<const std::int64_t> record_steps, std::span<const ResidentStart> starts,
               std::span<const ResidentRun> runs);

  /// Trains the runs `active`, in their order, until each has ended or the clusters have made `steps` steps each.
  /// Waits for it.
  void train(std::span<const int> active, std::int64_t steps);

  /// One a run, as train() left them.
  [[nodiscard]] const std::vector<ResidentProgress>& progress() const { return progress_; }

  /// Observations first, first + 1, ... of a run that train() has made; all but `ridge`.
  [[nodiscard]] std::vector<Observation> observations(int run, int first, int count) const;

  /// The network of a run as train() left it. problem: the run's; both it and these runs outlive the copy.
  [[nodiscard]] std::unique_ptr<NetworkReader> copy_network(int run, const Problem& problem) const;

  /// All that the steps of a run from here on depend on, bit for bit, and its number of observations, however the
  /// device lays it out; read() takes what write() gave for a run of the same problem, on whatever device, and throws
  /// TransportError on anything shorter.
  void write(int run, ByteWriter& out) const;
  void read(int run, ByteReader& in);

  /// Z of a run, rows x width, and its output weights.
  [[nodiscard]] std::vector<float> state(int run) const;

 private:
  [[nodiscard]] std::vector<float> unpack(const std::vector<Quad>& z) const;  // rows x width
  [[nodiscard]] std::size_t z_size() const;                                   // quads of a run
  [[nodiscard]] std::size_t output_size() const;                              // numbers of a run
  /// visit(position, place) for all numbers of Z, rows x width.
  template <class Visit>
  void visit_places(Visit visit) const;
  void upload_start(std::size_t position, const ResidentStart& start);

  Stream& stream_;
  int activation_;
  ResidentBatch batch_;
  std::vector<int> problems_;  // of the runs, among the starts
  DeviceBuffer<ResidentRun> runs_;
  DeviceBuffer<int> order_;
  DeviceBuffer<int> ticket_;
  DeviceBuffer<std::int64_t> record_steps_;
  DeviceBuffer<double> ridge_factors_;
  DeviceBuffer<double> step_factors_;
  DeviceBuffer<Quad> gram_;
  DeviceBuffer<SplitQuad> inverse_;
  DeviceBuffer<float> scales_;
  DeviceBuffer<float> targets_;
  DeviceBuffer<Quad> initial_z_;
  DeviceBuffer<float> initial_output_;
  DeviceBuffer<float> feedback_;
  DeviceBuffer<ResidentProgress> device_progress_;
  DeviceBuffer<Quad> z_;
  DeviceBuffer<float> output_weight_;
  DeviceBuffer<SplitQuad> factor_;
  DeviceBuffer<double> observed_;
  std::vector<ResidentProgress> progress_;
};

}  // namespace fasweep
