// What a run's metrics need of whole sets of samples, of the solvers that see no more of them in a step than its batch.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend/cpu/evaluations.hpp"
#include "backend/cpu/output_layer.hpp"
#include "model/metric/list.hpp"
#include "model/observation.hpp"
#include "model/step_samples.hpp"
#include "train/train_loop.hpp"

namespace fasweep {

class SampleSums {
 public:
  /// The request outlives it.
  explicit SampleSums(const TrainingRequest& request)
      : request_(request),
        sees_training_((traits_of(request.record.metrics) & sees_training_set) != 0),
        training_(sees_training_ && !sees_training_set_whole(request.training, request.data) ? request.problem.samples
                                                                                             : 0),
        test_((traits_of(request.record.metrics) & sees_test_set) != 0 ? request.problem.test_samples : 0) {}

  /// Losses and accuracies of an observation: from the step's batch (sums) where that is the whole training set; the
  /// others from `network`, now or, if that takes long, beside the training, from a copy of it. row_cost: multiply-adds
  /// of network.evaluate() for a sample.
  template <class Network>
  void observe(const OutputSums& sums, const Network& network, double row_cost, Observation& o) {
    if (sees_training_ && training_ == 0) {
      set_training(sums, o);
    }
    if (!evaluates()) {
      return;
    }
    const auto evaluate = [training = training_, first_test = request_.problem.samples,
                           test = test_](const Network& n) {
      return Evaluation{n.evaluate(0, training), n.evaluate(first_test, test)};
    };
    constexpr double worth_a_copy = 1e7;  // multiply-adds, about a millisecond
    if (static_cast<double>(training_ + test_) * row_cost < worth_a_copy) {
      evaluations_.add(evaluate(network));
    } else {
      evaluations_.begin([evaluate, network] { return evaluate(network); }, request_.idle_workers);
    }
  }

  /// Fills in what the evaluations gave, one for each observation.
  void complete(std::span<Observation> observations) {
    if (!evaluates()) {
      return;
    }
    const std::vector<Evaluation>& evaluations = evaluations_.settle();
    assert(evaluations.size() == observations.size());
    for (std::size_t k = 0; k < observations.size(); ++k) {
      if (training_ > 0) {
        set_training(evaluations[k].training, observations[k]);
      }
      if (test_ > 0) {
        set_test(evaluations[k].test, observations[k]);
      }
    }
  }

  void save(ByteWriter& out) { evaluations_.save(out); }
  /// observations: made before the checkpoint.
  void restore(ByteReader& in, std::size_t observations) { evaluations_.restore(in, evaluates() ? observations : 0); }

 private:
  [[nodiscard]] bool evaluates() const { return training_ + test_ > 0; }
  [[nodiscard]] double share(int samples) const { return loss_share(request_.training.reduction, samples); }
  void set_training(const OutputSums& sums, Observation& o) const {
    const int samples = request_.problem.samples;
    o.loss = sums.loss * share(samples);
    o.squared_error = sums.squared_error;
    o.accuracy = accuracy(request_.data.targets, sums.correct, samples);
  }
  void set_test(const OutputSums& sums, Observation& o) const {
    const int samples = request_.problem.test_samples;
    o.test_loss = sums.loss * share(samples);
    o.test_accuracy = accuracy(request_.data.targets, sums.correct, samples);
  }

  const TrainingRequest& request_;
  bool sees_training_;  // the metrics look at the training samples
  int training_;        // samples to evaluate besides the batch
  int test_;
  Evaluations evaluations_;
};

}  // namespace fasweep
