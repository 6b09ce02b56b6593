// The network of a run on a device, brought to the host for a snapshot.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "model/problem.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

/// Copy of a run that keeps Z and beta. The rules that devices train leave b as it was.
class SampleSpaceCopy final : public NetworkReader {
 public:
  /// The multipliers a_r of the hidden units first, first + 1, ... as many as `multipliers` holds, units x samples,
  /// with w_r(t) - w_r(0) = a_r^T X. z: as below.
  using ReadMultipliers = std::function<void(std::span<const float> z, int first, std::span<double> multipliers)>;

  /// z: rows x width. output_weight: width. The problem outlives it.
  SampleSpaceCopy(const Problem& problem, std::vector<float> z, std::vector<float> output_weight,
                  ReadMultipliers multipliers);

  void read_output_weight(int first, std::span<double> beta) const override;
  void read_feedback(int first, std::span<double> b) const override;
  void read_pre_activation(int first, std::span<double> z) const override;
  void read_hidden_change(int first, std::span<double> change) const override;
  [[nodiscard]] bool keeps_hidden_weight() const override { return false; }

 private:
  const Problem& problem_;
  std::vector<float> z_;
  std::vector<float> output_weight_;
  ReadMultipliers multipliers_;
};

/// Copies the columns first, first + 1, ... of `matrix`, rows x width, as many as `columns`, units x rows, holds.
void copy_columns(std::span<const float> matrix, int width, int rows, int first, std::span<double> columns);

/// Copy of a run that keeps W.
class WeightSpaceCopy final : public NetworkReader {
 public:
  /// hidden_weight: width x inputs. output_weight: width x outputs. Biases: width and outputs.
  WeightSpaceCopy(const Problem& problem, std::vector<float> hidden_weight, std::vector<float> output_weight,
                  std::vector<float> hidden_bias, std::vector<float> output_bias);

  void read_output_weight(int first, std::span<double> beta) const override;
  void read_feedback(int first, std::span<double> b) const override;
  void read_output_bias(std::span<double> bias) const override;
  void read_hidden_bias(int first, std::span<double> bias) const override;
  void read_hidden_weight(const Problem& problem, int first, std::span<double> weights) const override;
  void read_pre_activation(int first, std::span<double> z) const override;
  void read_hidden_change(int first, std::span<double> change) const override;

 private:
  const Problem& problem_;
  std::vector<float> hidden_weight_;
  std::vector<float> output_weight_;
  std::vector<float> hidden_bias_;
  std::vector<float> output_bias_;
};

}  // namespace fasweep
