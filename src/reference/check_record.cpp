#include "reference/check_record.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "model/metric.hpp"
#include "model/stop/list.hpp"
#include "reference/plain_formulas.hpp"
#include "reference/step_formulas.hpp"
#include "reference/train_reference.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// What is allowed of any run, relative to a metric's scale. float64: solvers sum in other orders, 1e-16 a step each,
/// and are held to each other within this (tests/backend/cpu/solver_agreement_test.cpp). float32: 6e-8 a rounding, in
/// thousands of steps most of which lose in the same direction. What a step adds to a weight, or to z, is small beside
/// it, and what rounding takes of it is the larger part of the hidden weights' change the smaller that is.
double usual_tolerance(int metric, Precision precision) {
  if (precision == Precision::float64) {
    return 1e-9;
  }
  return (traits_of(metric) & sees_hidden_change) != 0 ? 1e-2 : 1e-3;
}

/// Roundings may grow, and ReLU units that stand at 0 may switch: where the usual is exceeded, the reference is trained
/// again with numbers that are rounded to the run's precision, and so many times what that changes is allowed: solvers
/// round sums, not only their results.
constexpr double more_than_rounded = 30;

/// Changes may cancel by chance, so several trainings look; each rounds on a grid of its own.
constexpr std::array<double, 4> grids{1, 1.25, 1.4, 1.7};

double round_number(double number, Precision precision, double grid) {
  if (precision == Precision::float32) {
    return static_cast<double>(static_cast<float>(number * grid)) / grid;
  }
  constexpr std::uint64_t last_bits = 7;
  const auto bits = std::bit_cast<std::uint64_t>(number * grid);
  return std::bit_cast<double>((bits + last_bits / 2 + 1) & ~last_bits) / grid;
}

/// Relative precision of outputs and z in one step.
double output_precision(Precision precision) {
  return precision == Precision::float64 ? 1e-10 : 1e-5;
}

std::string_view name_of_metric(int metric) {
  return Metrics::names[static_cast<std::size_t>(metric)];
}

/// Cosines, their spread and shares of samples have a scale of their own, however small they are in a run.
bool is_bounded(int metric) {
  const std::string_view name = name_of_metric(metric);
  return name.find("alignment") != std::string_view::npos || name.find("accuracy") != std::string_view::npos;
}

/// Values of one metric at the recorded steps and the last one.
struct Column {
  std::vector<double> values;

  Column(const std::vector<double>& trajectory, const std::vector<double>& finals, std::size_t metric,
         std::size_t points)
      : values(trajectory.begin() + static_cast<std::ptrdiff_t>(metric * points),
               trajectory.begin() + static_cast<std::ptrdiff_t>((metric + 1) * points)) {
    values.push_back(finals[metric]);
  }
};

/// Of each value of a column: the largest there is, or in a run that diverges, where the last would hide all others,
/// the largest so far.
std::vector<double> scales_of(const Column& expected, int metric, bool diverges) {
  std::vector<double> scales;
  double largest = is_bounded(metric) ? 1 : 0;
  for (const double value : expected.values) {
    largest = std::isfinite(value) ? std::max(largest, std::abs(value)) : largest;
    scales.push_back(largest);
  }
  if (!diverges) {
    std::fill(scales.begin(), scales.end(), largest);
  }
  return scales;
}

double difference(double recorded, double expected, double scale) {
  const bool agree = recorded == expected || (std::isnan(recorded) && std::isnan(expected));
  return agree ? 0 : std::abs(recorded - expected) / scale;
}

class Check {
 public:
  Check(const Problem& problem, const RunSettings& settings, const RunSpec& run, const RunRecord& record)
      : problem_(problem),
        settings_(settings),
        run_(run),
        record_(record),
        reference_(train_reference(problem, settings, run, record.steps)) {}

  [[nodiscard]] RecordCheck run() {
    RecordCheck check = compare();
    for (std::size_t grid = 0; grid < grids.size() && !check.is_sound(); ++grid) {
      rounded_.push_back(train_reference(problem_, settings_, run_, record_.steps, rounding_on(grids[grid])));
      check = compare();
    }
    return check;
  }

 private:
  [[nodiscard]] RecordCheck compare() const {
    RecordCheck check;
    for (std::size_t metric = 0; metric < settings_.record.metrics.size(); ++metric) {
      check.deviations.push_back(compare_metric(metric));
    }
    check.wrong_end = find_wrong_end();
    check.is_sensitive = !rounded_.empty();
    return check;
  }

  [[nodiscard]] PlainRounding rounding_on(double grid) const {
    const double side = rounded_.size() % 2 == 0 ? 1 : -1;
    return {[precision = record_.precision, grid](double number) { return round_number(number, precision, grid); },
            side * output_precision(record_.precision)};
  }

  [[nodiscard]] bool diverges() const { return record_.status == RunStatus::diverged; }

  [[nodiscard]] Deviation compare_metric(std::size_t place) const {
    const std::size_t points = reference_.steps.size();
    const Column expected(reference_.trajectory, reference_.final_values, place, points);
    const Column recorded(record_.trajectory, record_.final_values, place, points);
    Deviation worst;
    worst.metric = settings_.record.metrics[place];
    const std::vector<double> scales = scales_of(expected, worst.metric, diverges());
    worst.allowed = usual_tolerance(worst.metric, record_.precision);
    for (const ReferenceRun& rounded : rounded_) {
      const Column others(rounded.trajectory, rounded.final_values, place, points);
      double grown = grown_of_losses(rounded);
      for (std::size_t i = 0; i <= points; ++i) {
        const double now = difference(others.values[i], expected.values[i], scales[i]);
        grown = std::isfinite(now) ? std::max(grown, now) : grown;
      }
      worst.allowed = std::max(worst.allowed, more_than_rounded * grown);
    }
    worst.relative = -1;
    for (std::size_t i = 0; i <= points; ++i) {
      const std::int64_t step = i < points ? reference_.steps[i] : record_.steps;
      const bool cannot_say = has_overflown(step, recorded.values[i]) ||
                              (worst.metric == Metrics::index_of<GradientAlignmentMetric>() &&
                               std::isnan(recorded.values[i]) && may_have_vanished(step)) ||
                              (diverges() && is_bounded(worst.metric) &&  // gradients of saturated units underflow
                               std::isnan(expected.values[i] + recorded.values[i]));
      const double relative = cannot_say ? 0 : difference(recorded.values[i], expected.values[i], scales[i]);
      if (!(relative <= worst.relative)) {
        worst.step = step;
        worst.recorded = recorded.values[i];
        worst.expected = expected.values[i];
        worst.relative = relative;
      }
      if (std::isnan(relative)) {
        break;  // a number where there should be none, or none where there should be one
      }
    }
    return worst;
  }

  /// How far roundings move the losses, by the largest so far. Where roundings decide what becomes of a run, they
  /// decide all its metrics, though some may agree by chance.
  [[nodiscard]] double grown_of_losses(const ReferenceRun& rounded) const {
    double grown = 0;
    double largest = 0;
    for (std::size_t step = 0; step < reference_.losses.size(); ++step) {
      largest = std::max(largest, reference_.losses[step]);
      const double now = difference(rounded.losses[step], reference_.losses[step], largest);
      grown = std::isfinite(now) ? std::max(grown, now) : grown;
    }
    return grown;
  }

  /// Whether a step's gradients may be marked as rounding in the record: its loss, which is rounded there, is about
  /// that.
  [[nodiscard]] bool may_have_vanished(std::int64_t step) const {
    constexpr double about = 100;
    const double share = vanished_loss_share(settings_.training.loss, record_.precision);
    return share > 0 && reference_.losses[static_cast<std::size_t>(step)] <= about * share * reference_.losses.front();
  }

  /// At the last step of a run that diverges, what its precision cannot hold may be missing, and so may be what
  /// float64 cannot.
  [[nodiscard]] bool has_overflown(std::int64_t step, double recorded) const {
    const double loss = reference_.losses.back();
    return diverges() && step == record_.steps &&
           (!std::isfinite(loss) || (loss > float32_limit && !std::isfinite(recorded)));
  }

  [[nodiscard]] std::string find_wrong_end() const {
    const bool has_diverged =
        record_.reason == StopReason::non_finite_loss || record_.reason == StopReason::exploding_loss;
    if (has_diverged != diverges()) {
      return "it is " + std::string(name_of(record_.status)) + ", and ended by " + std::string(name_of(record_.reason));
    }
    const TrainingSettings& training = settings_.training;
    PlainHistory history;
    history.precision = output_precision(record_.precision);
    for (std::int64_t step = 0; step <= record_.steps; ++step) {
      const auto count = static_cast<std::size_t>(step + 1);
      history.losses = std::span(reference_.losses).first(count);
      history.regularized = std::span(reference_.regularized).first(count);
      const double loss = history.losses.back();
      for (const ReferenceRun& rounded : rounded_) {
        const double grown = std::abs(rounded.losses[count - 1] - loss);
        history.grown_error = std::max(history.grown_error, std::isfinite(grown) ? more_than_rounded * grown : 0);
      }
      history.largest_loss = std::max(history.largest_loss, std::isfinite(loss) ? loss : 0);
      if (step == record_.steps) {
        return may_end(history) ? "" : wrong_end_at(step, loss, "and should have continued");
      }
      if (const std::string why = why_must_end(history); !why.empty()) {
        return wrong_end_at(step, loss, "where " + why + " should have ended it");
      }
      const double step_size = run_.step_size * plain_factor(training.step_schedule, step);
      history.time += step_size;
      history.ridge_time += step_size * run_.ridge * plain_factor(training.schedule, step);
    }
    return {};
  }

  [[nodiscard]] std::string wrong_end_at(std::int64_t step, double loss, const std::string& what) const {
    return "it ended at step " + std::to_string(record_.steps) + " (" + std::string(name_of(record_.reason)) +
           "); the reference has loss " + format_real(loss) + " at step " + std::to_string(step) + ", " + what;
  }

  [[nodiscard]] static double exploding_loss(const PlainHistory& run) { return 1e12 * std::max(run.losses[0], 1.0); }

  /// Whether the run can have ended here for its reason.
  [[nodiscard]] bool may_end(const PlainHistory& run) const {
    const double loss = run.losses.back();
    switch (record_.reason) {
      case StopReason::non_finite_loss:
        return !std::isfinite(loss) || loss > float32_limit;
      case StopReason::exploding_loss:
        return !std::isfinite(loss) || loss + run.loss_error(loss) > exploding_loss(run);
      case StopReason::max_steps:
        return record_.steps == settings_.training.max_steps;
      default:
        return name_of(record_.reason) == rule_name() && with_rule([&](const PlainStopRule& rule, auto values) {
                 return rule.excess(values, run) >= -rule.slack(values, run);
               });
    }
  }

  /// What ends every run here, however it is rounded; empty if nothing does.
  [[nodiscard]] std::string why_must_end(const PlainHistory& run) const {
    const double loss = run.losses.back();
    if (!std::isfinite(loss) || loss - run.loss_error(loss) > exploding_loss(run)) {
      return "divergence";
    }
    const bool ends = with_rule(
        [&](const PlainStopRule& rule, auto values) { return rule.excess(values, run) > rule.slack(values, run); });
    return ends ? std::string(rule_name()) : "";
  }

  [[nodiscard]] std::string_view rule_name() const {
    return StopRules::names[static_cast<std::size_t>(settings_.training.stop.position())];
  }
  template <class Call>
  [[nodiscard]] bool with_rule(Call call) const {
    return call(find_plain(plain_stop_rules, rule_name()), settings_.training.stop.values());
  }

  const Problem& problem_;
  const RunSettings& settings_;
  const RunSpec& run_;
  const RunRecord& record_;
  ReferenceRun reference_;
  std::vector<ReferenceRun> rounded_;  // trained if the usual is not enough
};

}  // namespace

bool RecordCheck::is_sound() const {
  return wrong_end.empty() &&
         std::none_of(deviations.begin(), deviations.end(), [](const Deviation& d) { return d.is_wrong(); });
}

RecordCheck check_record(const Problem& problem, const RunSettings& settings, const RunSpec& run,
                         const RunRecord& record) {
  return Check(problem, settings, run, record).run();
}

}  // namespace fasweep
