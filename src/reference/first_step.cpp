#include "reference/first_step.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Dense>

#include "model/batch_order.hpp"
#include "model/fresh_samples.hpp"
#include "model/mirror.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "reference/layer_pass.hpp"
#include "reference/plain_masks.hpp"
#include "reference/step_formulas.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// Where a number is: `index` among those of this name of a hidden unit.
struct Place {
  std::string_view name;
  std::size_t index = 0;
  std::optional<int> unit = {};   // none: it is no hidden unit's
  std::optional<int> layer = {};  // of the unit; none: there is one layer, or the name says which

  [[nodiscard]] std::string text() const {
    return std::string(name) + "[" + std::to_string(index) + "]" +
           (unit ? " of hidden unit " + std::to_string(*unit) : "") +
           (layer ? " of layer " + std::to_string(*layer) : "");
  }
};

/// The number that is off most by what it may be.
class Worst {
 public:
  explicit Worst(double tolerance) : tolerance_(tolerance) {}

  void look(const Expected& expected, double found, const Place& place) {
    if (!(std::abs(expected.value) < float32_limit)) {
      return;  // the run diverges, and its precision may not hold what float64 does
    }
    const double difference = std::abs(found - expected.value);
    const double deviation = difference == 0 ? 0 : tolerance_ * difference / expected.allowed;
    if (!(deviation <= result_.deviation)) {  // the first one too
      result_.deviation = std::isnan(deviation) ? std::numeric_limits<double>::infinity() : deviation;
      place_ = place;
      found_ = found;
      expected_ = expected.value;
    }
  }

  [[nodiscard]] FirstStep finish(std::string_view rule) const {
    FirstStep result = result_;
    if (result.deviation > tolerance_) {
      result.mismatch = "the first step is not that of rule '" + std::string(rule) + "' (" + place_.text() + " is " +
                        format_real(found_) + " and should be " + format_real(expected_) + ", off by " +
                        format_real(result.deviation) + " of the step, where " + format_real(tolerance_) +
                        " is allowed); this is an error of the program: report it, and train the run by another "
                        "solver (--solver)";
    }
    return result;
  }

 private:
  double tolerance_;
  FirstStep result_;
  Place place_;
  double found_ = 0;
  double expected_ = 0;
};

/// A hidden unit at step 0, and the sums of its step.
struct Unit {
  std::vector<double> w;  // of what the unit sees: inputs, or units of the layer below
  double w_norm = 0;
  double w_most = 0;
  std::vector<double> beta;     // outputs; of the last layer, else empty
  std::vector<double> b;        // outputs; of the last layer, or of any under a direct rule
  std::vector<double> v;        // the rule's feedback, as above, of the last layer
  std::vector<double> b_below;  // B of a layer >= 2 as w, where the rule goes from layer to layer
  double bias = 0;
  std::vector<Sum> signal;         // of each sample, by which what the unit sees is added to the gradient of W
  std::vector<double> w_gradient;  // as w
  std::vector<double> w_off;       // by how much it may be off, as above
  double moved_square = 0;         // sum of (signal |x|)^2 over samples
  double moved_slack = 0;          // sum of slack |x|
  Sum bias_gradient;
  std::vector<Sum> beta_gradient;  // outputs
  std::vector<Sum> activity;       // sum of h f, outputs
  Sum power;                       // sum of h^2
};

/// Two hidden units that follow one another, or the last one: readers begin at even ones.
struct Pair {
  int layer = 1;
  int first = 0;
  std::vector<Unit> units;
  std::vector<double> z;  // units x rows, of a solver that keeps no W; else empty

  /// A matrix of the pair's units: units x columns.
  template <class Read>
  [[nodiscard]] std::vector<double> read(std::size_t columns, Read read) const {
    std::vector<double> rows(units.size() * columns);
    read(first, std::span(rows));
    return rows;
  }
};

std::vector<double> row_of(const std::vector<double>& matrix, std::size_t row, std::size_t columns) {
  const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row * columns);
  return {begin, begin + static_cast<std::ptrdiff_t>(columns)};
}

// Multiplications that are spent on a run. A run of so many steps takes some milliseconds at least, of which 2^18
// multiplications and what is beside them are about a hundredth. A shorter one has two units checked, others for each
// seed.
constexpr std::int64_t long_run_steps = 1000;
constexpr double most_network_work = 1 << 18;

bool takes_long(const TrainingSettings& training) {
  return training.max_steps >= long_run_steps;
}

/// Whether the check is a small part of a run. With several hidden layers it is a forward pass and a way back of the
/// whole network, in plain loops: some steps.
bool is_affordable(const Snapshot& start, std::size_t samples) {
  const double inputs = start.problem().inputs;
  const double width = start.problem().width;
  const int depth = start.training().depth;
  const double work = static_cast<double>(samples) * width * (inputs + (depth - 1) * width);
  return depth == 1 || takes_long(start.training()) || work <= most_network_work;
}

class ExpectedPlainStep final : public ExpectedStep {
 public:
  /// f: outputs of the step's batch, rows x outputs; fresh: its samples where it drew them.
  ExpectedPlainStep(const Snapshot& start, std::span<const std::int32_t> rows, std::vector<double> f,
                    DrawnSamples fresh)
      : problem_(start.problem()),
        training_(start.training()),
        formulas_(training_, start.run()),
        depth_(training_.depth),
        share_(training_.reduction == Reduction::mean ? 1 / static_cast<double>(rows.size()) : 1),
        inputs_(static_cast<std::size_t>(problem_.inputs)),
        outputs_(static_cast<std::size_t>(problem_.outputs)),
        output_bias_(start.output_bias()),
        worst_(formulas_.tolerance),
        fresh_(std::move(fresh)),
        f_(std::move(f)),
        taught_(3 * f_.size()) {
    if (training_.dropout > 0 && depth_ == 1) {
      masks_.emplace(start.run(), training_.dropout, static_cast<int>(rows.size()), 0);
    }
    lessons_.reserve(rows.size());
    for (const std::int32_t row : rows) {
      lessons_.push_back(make_lesson(row, lessons_.size()));
    }
    if (depth_ > 1) {
      choose_pairs(start);
      go_through_layers(start);
      return;
    }
    if (unit_work(1) * problem_.width <= most_output_work()) {
      check_outputs(start);
    }
    choose_pairs(start);
    const bool waits = formulas_.rule.is_centred;  // for the signals of all samples
    for_each_unit_and_input([&](Unit& unit, int number, std::size_t i, const Seen& seen) {
      see(unit, number, i, seen);
      if (!waits) {
        learn(unit, i, seen);
      }
    });
    if (waits) {
      for_each_unit([](Unit& unit) { centre(unit.signal); });
      for_each_unit_and_input(
          [&](Unit& unit, int /*number*/, std::size_t i, const Seen& seen) { learn(unit, i, seen); });
    }
    if (formulas_.rule.decays_itself) {
      for_each_unit([&](Unit& unit) { add_own_decay(unit); });
    }
  }

  [[nodiscard]] FirstStep compare(const Snapshot& after) const override {
    Worst worst = worst_;
    const std::vector<double> feedback =
        formulas_.rule.redraws_feedback ? feedback_of_step(problem_, training_, after.step()) : std::vector<double>();
    const std::vector<std::vector<Sum>> mirrored = mirror_outputs(after);
    for (const Pair& pair : pairs_) {
      after.network().keeps_hidden_weight() ? compare_weights(pair, after, worst) : compare_z(pair, after, worst);
      compare_biases(pair, after, worst);
      if (pair.layer == depth_) {
        compare_readouts(pair, after, feedback, mirrored, worst);
      } else if (formulas_.rule.is_direct) {
        compare_direct_feedback(pair, after, worst);
      }
    }
    compare_output_biases(after, worst);
    return worst.finish(formulas_.rule.name);
  }

 private:
  [[nodiscard]] bool is_long() const { return takes_long(training_); }
  [[nodiscard]] double most_output_work() const { return is_long() ? most_network_work : 0; }
  [[nodiscard]] int all_pairs() const { return (problem_.width + 1) / 2; }
  [[nodiscard]] int count_pairs(int layer) const {
    constexpr double most_units_work = 1 << 16;
    constexpr double most_pairs = 8;
    constexpr double least_pairs = 2;  // the first and the last
    const double pairs = is_long() ? std::clamp(most_units_work / (2 * unit_work(layer)), least_pairs, most_pairs) : 1;
    return std::min(static_cast<int>(pairs), all_pairs());
  }

  [[nodiscard]] double samples() const { return static_cast<double>(lessons_.size()); }
  /// Numbers that a unit sees of a sample, and multiplications that it does with those of all.
  [[nodiscard]] std::size_t columns(int layer) const {
    return layer == 1 ? inputs_ : static_cast<std::size_t>(problem_.width);
  }
  [[nodiscard]] double unit_work(int layer) const { return samples() * static_cast<double>(columns(layer)); }

  /// Inputs of a row of the problem. Valid until the next call.
  [[nodiscard]] std::span<const double> input(std::int32_t row) {
    if (const int fresh = row - problem_.samples - problem_.test_samples; fresh >= 0) {
      return std::span<const double>(fresh_.x).subspan(static_cast<std::size_t>(fresh) * inputs_, inputs_);
    }
    if (problem_.dataset == nullptr) {
      return std::span(problem_.x).subspan(static_cast<std::size_t>(row) * inputs_, inputs_);
    }
    input_.resize(inputs_);
    problem_.dataset->expand_row(row, input_.data());
    return input_;
  }

  [[nodiscard]] std::span<const double> target(std::int32_t row) const {
    const int fresh = row - problem_.samples - problem_.test_samples;
    const std::span<const double> targets = fresh >= 0                    ? std::span<const double>(fresh_.y)
                                            : problem_.dataset == nullptr ? std::span<const double>(problem_.y)
                                                                          : problem_.dataset->y;
    return targets.subspan(static_cast<std::size_t>(fresh >= 0 ? fresh : row) * outputs_, outputs_);
  }

  template <class Visit>
  void for_each_unit(Visit visit) {
    for (Pair& pair : pairs_) {
      std::ranges::for_each(pair.units, visit);
    }
  }
  /// visit(unit, its number, i, what it sees) for the i-th sample of the batch; of one hidden layer.
  template <class Visit>
  void for_each_unit_and_input(Visit visit) {
    for (std::size_t i = 0; i < lessons_.size(); ++i) {
      const Seen seen{input(lessons_[i].row), {}, lessons_[i].input_norm, 0};
      for (Pair& pair : pairs_) {
        for (std::size_t u = 0; u < pair.units.size(); ++u) {
          visit(pair.units[u], pair.first + static_cast<int>(u), i, seen);
        }
      }
    }
  }

  /// The same of several hidden layers, where a unit's step depends on all others of its network: all samples go
  /// through it and back, some at a time.
  void go_through_layers(const Snapshot& start) {
    constexpr std::size_t most = 16;
    LayerPass pass(start, formulas_, lessons_.size(), share_);
    for (std::size_t first = 0; first < lessons_.size(); first += most) {
      const std::span<const Lesson> some =
          std::span<const Lesson>(lessons_).subspan(first).first(std::min(most, lessons_.size() - first));
      std::vector<double> inputs;
      for (const Lesson& lesson : some) {
        const std::span<const double> x = input(lesson.row);
        inputs.insert(inputs.end(), x.begin(), x.end());
      }
      pass.run(first, std::move(inputs), some);
      for (std::size_t i = 0; i < some.size(); ++i) {
        for (Pair& pair : pairs_) {
          const Seen seen = pass.seen(pair.layer, i);
          for (std::size_t u = 0; u < pair.units.size(); ++u) {
            Unit& unit = pair.units[u];
            const int number = pair.first + static_cast<int>(u);
            see_outputs(unit, some[i], pass.response(pair.layer, i, number));
            unit.signal[first + i] = pass.signal(pair.layer, i, number);
            learn(unit, first + i, seen);
          }
        }
      }
      check_outputs(pass, start, first, some);
    }
  }

  /// The i-th sample of the batch. Its error has the rounding of the solver's outputs and of the targets.
  [[nodiscard]] Lesson make_lesson(std::int32_t row, std::size_t i) {
    const std::span<const double> x = input(row);
    const std::span<const double> y = target(row);
    const std::span<double> taught = std::span(taught_).subspan(3 * i * outputs_, 3 * outputs_);
    Lesson lesson;
    lesson.row = row;
    lesson.input_norm = norm(x);
    lesson.f = std::span(f_).subspan(i * outputs_, outputs_);
    lesson.error = taught.first(outputs_);
    lesson.taught = taught.subspan(outputs_, outputs_);
    lesson.taught_slack = taught.last(outputs_);
    formulas_.loss.take_errors(lesson.f, y, lesson.error);
    lesson.error_slack = 2 * weight_roundings * formulas_.rounding * (largest(lesson.f) + largest(y));
    const bool is_late = training_.error_delay > 0;  // none has come yet
    for (std::size_t c = 0; c < outputs_; ++c) {
      const double e = is_late ? 0 : lesson.error[c];
      const double slack = is_late ? 0 : lesson.error_slack;
      const auto teaching = [&](double error) { return formulas_.rule.teaching(error, y[c]); };
      lesson.taught[c] = teaching(e);
      lesson.taught_slack[c] = formulas_.slack(teaching, e, slack, std::abs(y[c]));
      lesson.arriving_square.add(e * e, 2 * std::abs(e) * slack);
    }
    return lesson;
  }

  // Numbers of a pair's units, at whatever step: units x columns.
  [[nodiscard]] std::vector<double> read_w(const Pair& pair, const NetworkReader& network) const {
    return pair.read(columns(pair.layer), [&](int from, std::span<double> rows) {
      if (pair.layer > 1) {
        network.read_inner_weight(pair.layer, from, rows);
      } else if (network.keeps_hidden_weight()) {
        network.read_hidden_weight(problem_, from, rows);
      } else {
        problem_.fill_hidden_weight(from, rows);
      }
    });
  }
  [[nodiscard]] std::vector<double> read_bias(const Pair& pair, const NetworkReader& network) const {
    return pair.read(1, [&](int from, std::span<double> rows) {
      pair.layer > 1 ? network.read_inner_bias(pair.layer, from, rows) : network.read_hidden_bias(from, rows);
    });
  }
  [[nodiscard]] std::vector<double> read_beta(const Pair& pair, const NetworkReader& network) const {
    return pair.read(outputs_, [&](int from, std::span<double> rows) { network.read_output_weight(from, rows); });
  }
  /// What sends the outputs' errors to these units.
  [[nodiscard]] std::vector<double> read_b(const Pair& pair, const NetworkReader& network) const {
    return pair.read(outputs_, [&](int from, std::span<double> rows) {
      pair.layer == depth_ ? network.read_feedback(from, rows) : network.read_inner_feedback(pair.layer, from, rows);
    });
  }
  /// What sends to the layer below.
  [[nodiscard]] std::vector<double> read_b_below(const Pair& pair, const NetworkReader& network) const {
    return pair.read(columns(pair.layer),
                     [&](int from, std::span<double> rows) { network.read_inner_feedback(pair.layer, from, rows); });
  }
  [[nodiscard]] bool has_b(int layer) const { return layer == depth_ || formulas_.rule.is_direct; }
  [[nodiscard]] bool has_b_below(int layer) const { return layer > 1 && !formulas_.rule.is_direct; }

  [[nodiscard]] Pair read_pair(const Snapshot& start, int layer, int first) const {
    const NetworkReader& network = start.network();
    Pair pair;
    pair.layer = layer;
    pair.first = first;
    pair.units.resize(static_cast<std::size_t>(std::min(2, problem_.width - first)));
    const std::size_t size = columns(layer);
    const std::vector<double> w = read_w(pair, network);
    const std::vector<double> bias = read_bias(pair, network);
    const std::vector<double> beta = layer == depth_ ? read_beta(pair, network) : std::vector<double>();
    const std::vector<double> b = has_b(layer) ? read_b(pair, network) : std::vector<double>();
    const std::vector<double> b_below = has_b_below(layer) ? read_b_below(pair, network) : std::vector<double>();
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      Unit& unit = pair.units[u];
      unit.w = row_of(w, u, size);
      unit.w_norm = norm(unit.w);
      unit.w_most = largest(unit.w);
      unit.bias = bias[u];
      unit.b = has_b(layer) ? row_of(b, u, outputs_) : std::vector<double>();
      unit.b_below = has_b_below(layer) ? row_of(b_below, u, size) : std::vector<double>();
      if (layer == depth_) {
        unit.beta = row_of(beta, u, outputs_);
        std::ranges::transform(unit.b, unit.beta, std::back_inserter(unit.v), formulas_.rule.feedback);
      }
    }
    return pair;
  }

  /// Pairs of hidden units of each layer from the first to the last, at equal distances; or any one.
  void choose_pairs(const Snapshot& start) {
    for (int layer = 1; layer <= depth_; ++layer) {
      const int chosen = count_pairs(layer);
      for (int i = 0; i < chosen; ++i) {
        const std::int64_t pair = chosen == 1 ? seed_of_training(start.run()) % all_pairs()
                                              : std::int64_t{i} * (all_pairs() - 1) / (chosen - 1);
        pairs_.push_back(read_pair(start, layer, static_cast<int>(2 * pair)));
      }
    }
    for (Pair& pair : pairs_) {
      if (!start.network().keeps_hidden_weight()) {
        pair.z = read_z(pair, start);
      }
      for (Unit& unit : pair.units) {
        unit.signal.resize(lessons_.size());
        unit.w_gradient.resize(unit.w.size());
        unit.w_off.resize(unit.w.size());
        unit.beta_gradient.resize(unit.beta.size());
        unit.activity.resize(unit.beta.size());
      }
    }
  }

  [[nodiscard]] std::vector<double> read_z(const Pair& pair, const Snapshot& snapshot) const {
    return pair.read(static_cast<std::size_t>(snapshot.sizes().rows()),
                     [&](int from, std::span<double> rows) { snapshot.network().read_pre_activation(from, rows); });
  }

  [[nodiscard]] Response respond(const Unit& unit, int number, std::size_t i, const Seen& seen) {
    return formulas_.respond({unit.w, unit.bias, unit.w_norm, unit.w_most}, seen,
                             masks_ ? masks_->factor(0, static_cast<int>(i), number) : 1);
  }

  /// The solver's outputs against a forward pass through all units.
  void check_outputs(const Snapshot& start) {
    for (int first = 0; first < problem_.width; first += 2) {
      pairs_.push_back(read_pair(start, 1, first));
    }
    std::vector<Sum> f(lessons_.size() * outputs_);
    for_each_unit_and_input([&](const Unit& unit, int number, std::size_t i, const Seen& seen) {
      add_output(respond(unit, number, i, seen), unit.beta, std::span(f).subspan(i * outputs_, outputs_));
    });
    look_at_outputs(f, 0);
    pairs_.clear();
  }

  /// The same of the samples that have gone through several layers.
  void check_outputs(const LayerPass& pass, const Snapshot& start, std::size_t first, std::span<const Lesson> some) {
    const std::span<const double> beta = start.output_weight();
    std::vector<Sum> f(some.size() * outputs_);
    for (std::size_t i = 0; i < some.size(); ++i) {
      for (int unit = 0; unit < problem_.width; ++unit) {
        add_output(pass.response(depth_, i, unit), beta.subspan(static_cast<std::size_t>(unit) * outputs_, outputs_),
                   std::span(f).subspan(i * outputs_, outputs_));
      }
    }
    look_at_outputs(f, first);
  }

  /// A unit's part in a sample's outputs.
  void add_output(const Response& r, std::span<const double> beta, std::span<Sum> f) const {
    for (std::size_t c = 0; c < outputs_; ++c) {
      const double weight = formulas_.output_scale * beta[c];
      f[c].add(weight * r.h, std::abs(weight) * r.h_slack);
    }
  }

  /// f: of samples, the first of which is the first-th.
  void look_at_outputs(std::span<const Sum> f, std::size_t first) {
    for (std::size_t at = 0; at < f.size(); ++at) {
      const double bias = output_bias_[at % outputs_];
      worst_.look(formulas_.rounded(bias, f[at].value + bias, formulas_.allowed(f[at])), f_[first * outputs_ + at],
                  {"f", first * outputs_ + at});
    }
  }

  /// The i-th sample's part in the steps of beta, and of b where it adapts, and what teaches W by it.
  void see(Unit& unit, int number, std::size_t i, const Seen& seen) {
    const Lesson& lesson = lessons_[i];
    const Response r = respond(unit, number, i, seen);
    see_outputs(unit, lesson, r);
    unit.signal[i] = formulas_.rule.hebbian == nullptr ? formulas_.signal(StepFormulas::sent_back(unit.v, lesson), r)
                                                       : hebbian(lesson, r);
    unit.signal[i].scale(share_ * formulas_.output_scale);
  }

  /// The first of these.
  void see_outputs(Unit& unit, const Lesson& lesson, const Response& r) const {
    const double factor = share_ * formulas_.output_scale;
    for (std::size_t c = 0; c < unit.beta.size(); ++c) {
      const double e = lesson.error[c];
      const double f = lesson.f[c];
      unit.beta_gradient[c].add(factor * r.h * e,
                                factor * (std::abs(r.h) * lesson.error_slack + r.h_slack * std::abs(e)));
      unit.activity[c].add(factor * r.h * f, factor * r.h_slack * std::abs(f));
    }
    unit.power.add(factor * r.h * r.h, 2 * factor * std::abs(r.h) * r.h_slack);
  }

  [[nodiscard]] Sum hebbian(const Lesson& lesson, const Response& r) const {
    const Sum& square = lesson.arriving_square;
    const auto of_h = [&](double h) { return formulas_.rule.hebbian(square.value, h); };
    const auto of_square = [&](double value) { return formulas_.rule.hebbian(value, r.h); };
    const double value = of_h(r.h);
    Sum signal;
    signal.add(-value, formulas_.slack(of_h, r.h, r.h_slack, std::abs(value)) +
                           formulas_.slack(of_square, square.value, square.slack, 0));
    return signal;
  }

  /// Takes the mean over the samples from each.
  static void centre(std::vector<Sum>& signals) {
    Sum mean;
    for (const Sum& signal : signals) {
      mean.add(signal.value, signal.terms, signal.slack);
    }
    mean.scale(1 / static_cast<double>(signals.size()));
    for (Sum& signal : signals) {
      signal.add(-mean.value, mean.terms, mean.slack);
    }
  }

  /// The i-th sample's part in the step of W and of the unit's bias.
  void learn(Unit& unit, std::size_t i, const Seen& seen) const {
    const Sum& signal = unit.signal[i];
    const auto size = static_cast<Eigen::Index>(unit.w.size());
    const Eigen::Map<const Eigen::VectorXd> row(seen.x.data(), size);
    Eigen::Map<Eigen::VectorXd>(unit.w_gradient.data(), size) += signal.value * row;
    Eigen::Map<Eigen::VectorXd>(unit.w_off.data(), size) += formulas_.allowed(signal) * row.cwiseAbs();
    if (!seen.slack.empty()) {
      Eigen::Map<Eigen::VectorXd>(unit.w_off.data(), size) +=
          signal.terms * Eigen::Map<const Eigen::VectorXd>(seen.slack.data(), size);
    }
    unit.moved_square += signal.terms * signal.terms * seen.norm * seen.norm;
    unit.moved_slack += signal.slack * seen.norm;
    unit.bias_gradient.add(signal.value, signal.terms, signal.slack);
  }

  /// W decays by the unit's own activity.
  void add_own_decay(Unit& unit) const {
    for (std::size_t j = 0; j < inputs_; ++j) {
      unit.w_gradient[j] += unit.power.value * unit.w[j];
      unit.w_off[j] += formulas_.allowed(unit.power) * std::abs(unit.w[j]);
    }
  }

  void compare_weights(const Pair& pair, const Snapshot& after, Worst& worst) const {
    const std::vector<double> w = read_w(pair, after.network());
    const std::vector<double> b = has_b_below(pair.layer) ? read_b_below(pair, after.network()) : std::vector<double>();
    const std::size_t size = columns(pair.layer);
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      const Unit& unit = pair.units[u];
      const auto step = [&](double weight, std::size_t j) {
        const Sum gradient{unit.w_gradient[j], 0, unit.w_off[j]};
        return formulas_.step(weight, formulas_.kept(pair.layer), formulas_.hidden_step_size, gradient, samples());
      };
      for (std::size_t j = 0; j < size; ++j) {
        worst.look(step(unit.w[j], j), w[u * size + j], place("W", pair, u, j));
      }
      if (!has_b_below(pair.layer)) {
        continue;
      }
      const std::vector<Sum> mirrored =
          formulas_.rule.mirrors ? mirror(pair.layer - 1, std::span(w).subspan(u * size, size)) : std::vector<Sum>();
      for (std::size_t j = 0; j < size; ++j) {
        const double before = unit.b_below[j];
        const Expected expected = formulas_.rule.learns_feedback ? step(before, j)
                                  : formulas_.rule.mirrors       ? mirror_step(before, mirrored[j])
                                                                 : formulas_.rounded(before, before, 0);
        worst.look(expected, b[u * size + j], place("B", pair, u, j));
      }
    }
  }

  /// Of hidden unit `u` of a pair.
  [[nodiscard]] Place place(std::string_view name, const Pair& pair, std::size_t u, std::size_t index) const {
    return {name, index, pair.first + static_cast<int>(u), depth_ > 1 ? std::optional(pair.layer) : std::nullopt};
  }

  /// Z(1) = Z(0) - eta X G for the gradient G of W, which solvers that keep Z descend as it is. X G is a sum over
  /// samples k of (x_i x_k) signal_k, whose terms are at most |x_i| |x_k| |signal_k|; their root mean square counts, as
  /// products of other samples are mostly far below that.
  void compare_z(const Pair& pair, const Snapshot& after, Worst& worst) const {
    const std::vector<double> z = read_z(pair, after);
    const std::size_t rows = z.size() / pair.units.size();
    for (const Lesson& lesson : lessons_) {
      const auto row = static_cast<std::size_t>(lesson.row);
      const std::span<const double> x = std::span(problem_.x).subspan(row * inputs_, inputs_);
      for (std::size_t u = 0; u < pair.units.size(); ++u) {
        const Unit& unit = pair.units[u];
        const double before = pair.z[u * rows + row];
        const double value = before - formulas_.hidden_step_size * dot(x, unit.w_gradient);
        const double off = formulas_.tolerance * std::sqrt(unit.moved_square) + unit.moved_slack;
        worst.look(formulas_.rounded(before, value, formulas_.hidden_step_size * lesson.input_norm * off, samples()),
                   z[u * rows + row], place("Z", pair, u, row));
      }
    }
  }

  void compare_biases(const Pair& pair, const Snapshot& after, Worst& worst) const {
    if (!training_.biases) {
      return;
    }
    const std::vector<double> bias = read_bias(pair, after.network());
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      const Unit& unit = pair.units[u];
      worst.look(formulas_.step(unit.bias, 1, formulas_.hidden_step_size, unit.bias_gradient, samples()), bias[u],
                 place("bias", pair, u, 0));
    }
  }

  /// B of a layer before the last under a direct rule, none of which learns it.
  void compare_direct_feedback(const Pair& pair, const Snapshot& after, Worst& worst) const {
    const std::vector<double> b = read_b(pair, after.network());
    for (std::size_t at = 0; at < b.size(); ++at) {
      const double before = pair.units[at / outputs_].b[at % outputs_];
      worst.look(formulas_.rounded(before, before, 0), b[at], place("B", pair, at / outputs_, at % outputs_));
    }
  }

  /// beta and b. redrawn, mirrored: b of all units and what it learns from noise, where the rule has it so.
  void compare_readouts(const Pair& pair, const Snapshot& after, const std::vector<double>& redrawn,
                        const std::vector<std::vector<Sum>>& mirrored, Worst& worst) const {
    const std::vector<double> beta = read_beta(pair, after.network());
    const std::vector<double> b = read_b(pair, after.network());
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      const Unit& unit = pair.units[u];
      const auto number = static_cast<std::size_t>(pair.first) + u;
      for (std::size_t c = 0; c < outputs_; ++c) {
        worst.look(formulas_.step(unit.beta[c], formulas_.kept(0), formulas_.output_step_size, unit.beta_gradient[c]),
                   beta[u * outputs_ + c], place("beta", pair, u, c));
        const Expected expected = !redrawn.empty()    ? formulas_.rounded(0, redrawn[number * outputs_ + c], 0)
                                  : !mirrored.empty() ? mirror_step(unit.b[c], mirrored[c][number])
                                                      : feedback_step(unit, c);
        worst.look(expected, b[u * outputs_ + c], place("b", pair, u, c));
      }
    }
  }

  [[nodiscard]] Expected feedback_step(const Unit& unit, std::size_t c) const {
    const double b = unit.b[c];
    if (formulas_.rule.learns_feedback) {
      return formulas_.step(b, formulas_.kept(0), formulas_.output_step_size, unit.beta_gradient[c]);
    }
    if (!formulas_.rule.adapts_feedback) {
      return formulas_.rounded(b, b, 0);
    }
    Sum learned = unit.activity[c];
    for (const Lesson& lesson : lessons_) {
      const double power = share_ * formulas_.output_scale * lesson.f[c] * lesson.f[c];
      learned.add(-power * b, 0);
    }
    return formulas_.rounded(b, b + formulas_.step_size * learned.value,
                             formulas_.step_size * formulas_.allowed(learned));
  }

  /// sum_j xi_j (xi_j w) / m of the weights w, after the step, from all units of a hidden layer to one unit or output
  /// above it (model/mirror.hpp).
  [[nodiscard]] std::vector<Sum> mirror(int layer, std::span<const double> w) const {
    const std::vector<double> noise = noise_of_step(problem_, training_, layer, 0);
    const double share = 1.0 / training_.mirror_samples;
    std::vector<Sum> learned(w.size());
    for (std::size_t begin = 0; begin < noise.size(); begin += w.size()) {
      const std::span<const double> xi = std::span(noise).subspan(begin, w.size());
      Sum answer;
      for (std::size_t r = 0; r < w.size(); ++r) {
        answer.add(xi[r] * w[r], 0);
      }
      const double slack = pre_activation_roundings * formulas_.rounding * answer.terms;
      for (std::size_t r = 0; r < w.size(); ++r) {
        learned[r].add(share * xi[r] * answer.value, share * std::abs(xi[r]) * slack);
      }
    }
    return learned;
  }

  /// Of the weights to each output; none where the rule does not mirror.
  [[nodiscard]] std::vector<std::vector<Sum>> mirror_outputs(const Snapshot& after) const {
    std::vector<std::vector<Sum>> learned;
    for (std::size_t c = 0; formulas_.rule.mirrors && c < outputs_; ++c) {
      std::vector<double> to_output;
      for (std::size_t at = c; at < after.output_weight().size(); at += outputs_) {
        to_output.push_back(after.output_weight()[at]);
      }
      learned.push_back(mirror(depth_, to_output));
    }
    return learned;
  }

  [[nodiscard]] Expected mirror_step(double b, Sum learned) const {
    learned.add(-training_.mirror_decay * b, 0);
    const double size = training_.mirror_step_size;
    return formulas_.rounded(b, b + size * learned.value, size * formulas_.allowed(learned));
  }

  void compare_output_biases(const Snapshot& after, Worst& worst) const {
    const std::vector<double> bias = after.output_bias();
    for (std::size_t c = 0; training_.biases && c < outputs_; ++c) {
      Sum gradient;
      for (const Lesson& lesson : lessons_) {
        gradient.add(share_ * lesson.error[c], share_ * lesson.error_slack);
      }
      worst.look(formulas_.step(output_bias_[c], 1, formulas_.output_step_size, gradient), bias[c], {"output_bias", c});
    }
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  StepFormulas formulas_;
  int depth_;
  double share_;  // of a sample in the loss
  std::size_t inputs_;
  std::size_t outputs_;
  std::vector<double> output_bias_;  // at step 0
  Worst worst_;
  std::optional<PlainMasks> masks_;  // of one hidden layer
  std::vector<double> input_;
  DrawnSamples fresh_;
  std::vector<double> f_;       // samples x outputs
  std::vector<double> taught_;  // samples x 3 x outputs: errors, what teaches, and by how much it may be off
  std::vector<Lesson> lessons_;
  std::vector<Pair> pairs_;
};

}  // namespace

double first_step_tolerance(Precision precision) {
  return precision == Precision::float64 ? 1e-9 : 1e-3;
}

std::unique_ptr<ExpectedStep> PlainFirstStep::expect(const Snapshot& start, const DataSettings& data) const {
  BatchOrder order(start.training(), data, start.run());
  const std::span<const std::int32_t> rows = order.rows(0);
  std::vector<double> f(rows.size() * static_cast<std::size_t>(data.outputs));
  if (propagates_targets(start.run().rule) || !is_affordable(start, rows.size()) ||
      !start.network().read_batch_outputs(f)) {
    return nullptr;
  }
  DrawnSamples fresh;
  if (data.sampling == Sampling::fresh) {
    fresh = draw_fresh_samples(data, problem_key(start.run()), 0, start.training().batch_size);
  }
  return std::make_unique<ExpectedPlainStep>(start, rows, std::move(f), std::move(fresh));
}

}  // namespace fasweep
