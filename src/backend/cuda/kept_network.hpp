// The networks of a device's runs as snapshots read them (model/snapshot.hpp): of the state that RunBatch::save() kept,
// so that the device goes on training meanwhile. What is not asked for is not copied from the device.
#pragma once

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "model/problem.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

/// Copies one array of a run from the device when it is first asked for.
class FetchedArray {
 public:
  explicit FetchedArray(std::function<std::vector<float>()> fetch) : fetch_(std::move(fetch)) {}

  [[nodiscard]] const std::vector<float>& numbers() const {
    if (numbers_.empty()) {
      numbers_ = fetch_();
    }
    return numbers_;
  }

 private:
  std::function<std::vector<float>()> fetch_;
  mutable std::vector<float> numbers_;
};

/// A run in sample space: it keeps the multipliers A of W(t) = W(0) - A^T X, so that the change of W needs no
/// pseudo-inverse.
class KeptSampleSpace final : public NetworkReader {
 public:
  /// z: rows x width; moves: A, samples x width; beta: width. The problem outlives it.
  KeptSampleSpace(const Problem& problem, FetchedArray z, FetchedArray moves, FetchedArray beta);

  void read_output_weight(std::span<double> beta) const override;
  void read_feedback(std::span<double> b) const override;
  void read_pre_activation(int first, std::span<double> z) const override;
  void read_hidden_change(int first, std::span<double> change) const override;

 private:
  const Problem& problem_;
  FetchedArray z_;
  FetchedArray moves_;
  FetchedArray beta_;
};

/// A run in weight space.
class KeptWeightSpace final : public NetworkReader {
 public:
  /// w: width x inputs; beta: width x outputs; hidden_bias: width; output_bias: outputs. The problem outlives it.
  KeptWeightSpace(const Problem& problem, FetchedArray w, FetchedArray beta, FetchedArray hidden_bias,
                  FetchedArray output_bias);

  void read_output_weight(std::span<double> beta) const override;
  void read_feedback(std::span<double> b) const override;
  void read_output_bias(std::span<double> bias) const override;
  void read_pre_activation(int first, std::span<double> z) const override;
  void read_hidden_change(int first, std::span<double> change) const override;

 private:
  const Problem& problem_;
  FetchedArray w_;
  FetchedArray beta_;
  FetchedArray hidden_bias_;
  FetchedArray output_bias_;
};

}  // namespace fasweep
