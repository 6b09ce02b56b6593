// Loads the samples of each step: rows of the problem, or fresh ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <Eigen/Dense>

#include "backend/cpu/blocked_network.hpp"
#include "backend/cpu/input_rows.hpp"
#include "model/batch_order.hpp"
#include "model/fresh_samples.hpp"
#include "train/trainer.hpp"

namespace fasweep {

template <class Scalar>
class BatchLoader {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;

  BatchLoader(const TrainingRequest& request, const RunSpec& run)
      : order_(request.training, request.data, run), most_samples_(static_cast<int>(order_.rows(0).size())) {
    if (request.data.sampling == Sampling::fresh) {
      fresh_.emplace(request.data, request.training, run);
    }
  }

  /// Of any step.
  [[nodiscard]] int most_samples() const { return most_samples_; }

  /// Loads the inputs of step `step` into `batch`, for training; returns their targets, outputs x samples.
  [[nodiscard]] Matrix load(std::int64_t step, const BlockedNetwork<Scalar>& network, InputBatch<Scalar>& batch) {
    if (fresh_) {
      const FreshSamples::Batch samples = fresh_->of_step(step);
      batch.take(samples.x);
      return Eigen::Map<const Eigen::MatrixXd>(samples.y.data(),
                                               static_cast<Eigen::Index>(samples.y.size()) / batch.size(), batch.size())
          .template cast<Scalar>();
    }
    const std::span<const std::int32_t> rows = order_.rows(step);
    batch.load(rows, BatchUse::training);
    return network.targets_of(rows);
  }

 private:
  BatchOrder order_;
  int most_samples_;
  std::optional<FreshSamples> fresh_;
};

}  // namespace fasweep
