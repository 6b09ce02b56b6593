// Some samples' way through a network of several hidden layers and back (model/layers.hpp), at step 0 and in plain
// loops, with what each number may be off by. Weights come from the solver, some rows at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "model/snapshot.hpp"
#include "reference/plain_masks.hpp"
#include "reference/step_formulas.hpp"

namespace fasweep {

class LayerPass {
 public:
  /// batch: samples of the step. share: of a sample in the loss. All arguments outlive the pass.
  LayerPass(const Snapshot& start, const StepFormulas& formulas, std::size_t batch, double share);

  /// Takes samples through, of which the first is the first-th of the batch: inputs, samples x inputs, and what they
  /// teach. Under a rule that is trained in several layers.
  void run(std::size_t first, std::vector<double> inputs, std::span<const Lesson> lessons);

  // Of the i-th of these samples and a hidden layer from 1 on.
  [[nodiscard]] Seen seen(int layer, std::size_t i) const;
  [[nodiscard]] const Response& response(int layer, std::size_t i, int unit) const {
    return layers_[index(layer)].response[at(i, unit)];
  }
  /// By which the unit's weights learn: what comes back with the share of the sample and the scale of the layer.
  [[nodiscard]] const Sum& signal(int layer, std::size_t i, int unit) const {
    return layers_[index(layer)].signal[at(i, unit)];
  }

 private:
  /// Samples x units throughout.
  struct Layer {
    std::vector<double> x;      // what the layer sees: samples x columns
    std::vector<double> slack;  // of x; empty: exact
    std::vector<double> x_norm;
    std::vector<double> slack_norm;
    std::vector<Response> response;
    std::vector<Sum> signal;
  };
  using ReadRows = std::function<void(int first, std::span<double> rows)>;

  [[nodiscard]] int depth() const { return training_.depth; }
  static std::size_t index(int layer) { return static_cast<std::size_t>(layer - 1); }
  [[nodiscard]] std::size_t at(std::size_t i, int unit) const { return i * width_ + static_cast<std::size_t>(unit); }
  [[nodiscard]] std::size_t columns(int layer) const { return layer == 1 ? inputs_ : width_; }
  void draw_masks(std::size_t first);
  void forward(int layer);
  void pass_on(int layer);
  /// Of the last layer, or of any by a direct rule: what the lessons send back.
  void backward_from_outputs(int layer, std::span<const Lesson> lessons);
  /// From the layer above.
  void backward(int layer);
  /// visit(unit, its row) for all units of a matrix of so many columns.
  template <class Visit>
  void for_each_row(std::size_t columns, const ReadRows& read, Visit visit) const;

  const Snapshot& start_;
  const TrainingSettings& training_;
  const StepFormulas& formulas_;
  double share_;
  std::size_t inputs_;
  std::size_t width_;
  std::size_t samples_ = 0;
  std::vector<PlainMasks> masks_;  // of each layer, with dropout
  std::vector<Layer> layers_;
};

}  // namespace fasweep
