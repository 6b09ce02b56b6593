#include "reference/train_reference.hpp"

#include <algorithm>

#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/metric.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_masks.hpp"

namespace fasweep {

ReferenceRun train_reference(const Problem& problem, const RunSettings& settings, const RunSpec& run,
                             std::int64_t last_step, const PlainRounding& rounding) {
  const TrainingSettings& training = settings.training;
  const std::vector<int>& metrics = settings.record.metrics;
  PlainNetwork network(problem, training, Activations::names[static_cast<std::size_t>(run.activation)],
                       Rules::names[static_cast<std::size_t>(run.rule)]);
  network.rounding = rounding;
  BatchOrder order(training, settings.data, run);
  std::vector<PlainMasks> masks;
  masks.reserve(static_cast<std::size_t>(training.depth));
  for (int layer = 0; layer < training.depth; ++layer) {
    masks.emplace_back(run, training.dropout, static_cast<int>(order.rows(0).size()), layer);
  }
  std::int64_t now = 0;
  if (training.dropout > 0) {
    network.mask = [&masks, &now](int sample, int unit, int layer) {
      return masks[static_cast<std::size_t>(layer)].factor(now, sample, unit);
    };
  }
  ReferenceRun reference;
  std::vector<std::vector<double>> values;  // of each recorded step
  for (std::int64_t step = 0;; ++step) {
    const Rows batch = order.rows(step);
    now = step;
    network.begin_step(step);
    if (settings.data.sampling == Sampling::fresh) {
      network.fresh = plain_fresh_samples(settings.data, training, run, step);
    }
    const double ridge = run.ridge * plain_factor(training.schedule, step);
    const std::vector<std::int64_t>& recorded = settings.record.steps;
    const bool is_recorded = std::binary_search(recorded.begin(), recorded.end(), step);
    if (is_recorded || step == last_step) {
      Observation o = network.observe(batch, settings.data.targets == Targets::classes, traits_of(metrics));
      o.ridge = ridge;
      reference.final_values = evaluate_metrics(metrics, o);
    }
    if (is_recorded) {
      reference.steps.push_back(step);
      values.push_back(reference.final_values);
    }
    const double decayed = network.decayed_square();
    const double loss = step == last_step
                            ? network.sums(batch).loss
                            : network.advance(batch, run.step_size * plain_factor(training.step_schedule, step), ridge);
    reference.losses.push_back(loss);
    reference.regularized.push_back(loss + ridge * decayed / 2);
    if (step == last_step) {
      break;
    }
  }
  for (std::size_t metric = 0; metric < metrics.size(); ++metric) {
    for (const std::vector<double>& row : values) {
      reference.trajectory.push_back(row[metric]);
    }
  }
  return reference;
}

double reference_flop(const RunSettings& settings, const RunSpec& run, std::int64_t last_step) {
  const DataSettings& data = settings.data;
  const double batch = takes_minibatches(settings.training, data) ? settings.training.batch_size : data.samples;
  const double inner = (settings.training.depth - 1.0) * run.width;
  const double a_sample = 4.0 * run.width * (data.inputs + data.outputs + inner);  // forwards and back
  return static_cast<double>(last_step + 1) * a_sample * (batch + 1);
}

}  // namespace fasweep
