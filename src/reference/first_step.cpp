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

#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/fresh_samples.hpp"
#include "model/loss/list.hpp"
#include "model/mirror.hpp"
#include "model/optimizer/list.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_formulas.hpp"
#include "reference/plain_masks.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// Half the distance of neighbouring numbers, relative.
double rounding_of(Precision precision) {
  return precision == Precision::float64 ? 0x1p-53 : 0x1p-24;
}

/// Roundings of a weight that a step may differ by where nothing else does: of the old one, of the new one, and of the
/// products and sums between them.
constexpr double weight_roundings = 4;

/// The same where samples are added to the weight one after the other: each addition loses half a rounding at most,
/// and many of them, of either sign, some root of their number.
double roundings_of(double additions) {
  return weight_roundings + std::min(additions / 2, 8 * std::sqrt(additions));
}

/// Roundings of |w| |x| by which a pre-activation w x may be off. A sum of d terms of either sign is off by about
/// sqrt(d) roundings of sqrt(d) terms, and |w| |x| is d terms.
constexpr double pre_activation_roundings = 16;

/// Beyond this, numbers of float32 overflow in products that float64 can still take.
constexpr double float32_limit = 1e18;

/// A sum over samples.
struct Sum {
  double value = 0;
  double terms = 0;  // sum of their sizes
  double slack = 0;  // by how much it may be off, as its terms stand near a kink or a boundary, or are rounded

  void scale(double factor) { *this = {factor * value, factor * terms, factor * slack}; }
  void add(double value_, double slack_) { add(value_, std::abs(value_), slack_); }
  void add(double value_, double terms_, double slack_) {
    value += value_;
    terms += terms_;
    slack += slack_;
  }
};

/// A number after the step, and by how much it may be off.
struct Expected {
  double value = 0;
  double allowed = 0;
};

/// Of a number that is no hidden unit's.
constexpr int no_unit = -1;

/// The number that is off most by what it may be.
class Worst {
 public:
  explicit Worst(double tolerance) : tolerance_(tolerance) {}

  /// name: of a number, `index` among those of hidden unit `unit`, or no_unit.
  void look(const Expected& expected, double found, std::string_view name, int unit, std::size_t index) {
    if (!(std::abs(expected.value) < float32_limit)) {
      return;  // the run diverges, and its precision may not hold what float64 does
    }
    const double difference = std::abs(found - expected.value);
    const double deviation = difference == 0 ? 0 : tolerance_ * difference / expected.allowed;
    if (!(deviation <= result_.deviation)) {  // the first one too
      result_.deviation = std::isnan(deviation) ? std::numeric_limits<double>::infinity() : deviation;
      name_ = name;
      unit_ = unit;
      index_ = index;
      found_ = found;
      expected_ = expected.value;
    }
  }

  [[nodiscard]] FirstStep finish(std::string_view rule) const {
    FirstStep result = result_;
    if (result.deviation > tolerance_) {
      result.mismatch = "the first step is not that of rule '" + std::string(rule) + "' (" + place() + " is " +
                        format_real(found_) + " and should be " + format_real(expected_) + ", off by " +
                        format_real(result.deviation) + " of the step, where " + format_real(tolerance_) +
                        " is allowed); this is an error of the program: report it, and train the run by another "
                        "solver (--solver)";
    }
    return result;
  }

 private:
  [[nodiscard]] std::string place() const {
    return std::string(name_) + "[" + std::to_string(index_) + "]" +
           (unit_ == no_unit ? "" : " of hidden unit " + std::to_string(unit_));
  }

  double tolerance_;
  FirstStep result_;
  std::string_view name_;
  int unit_ = 0;
  std::size_t index_ = 0;
  double found_ = 0;
  double expected_ = 0;
};

/// The formulas and numbers of a run's first step.
struct Formulas {
  Formulas(const TrainingSettings& training, const RunSpec& run)
      : psi(find_plain(plain_activations, Activations::names[static_cast<std::size_t>(run.activation)])),
        rule(find_plain(plain_rules, Rules::names[static_cast<std::size_t>(run.rule)])),
        loss(find_plain(plain_losses, loss_function_names[static_cast<std::size_t>(training.loss)])),
        optimizer(
            find_plain(plain_optimizers, Optimizers::names[static_cast<std::size_t>(training.optimizer.position())])),
        optimizer_values(training.optimizer.values()),
        tolerance(first_step_tolerance(training.precision)),
        rounding(rounding_of(training.precision)),
        output_scale(training.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(run.width)),
        step_size(run.step_size * plain_factor(training.step_schedule, 0)),
        output_step_size(training.output_step_factor * step_size),
        hidden_step_size(step_size * std::pow(training.richness > 0 ? training.richness * std::sqrt(run.width) : 1,
                                              rule.rich_power)),
        decay(decay_of(0, training, run)),
        hidden_decay(decay_of(1, training, run)) {}

  /// What the ridge leaves of the weights of hidden layer 1, or of the outputs, 0.
  [[nodiscard]] double decay_of(int layer, const TrainingSettings& training, const RunSpec& run) const {
    return training.decay.reaches(layer) ? 1 - step_size * run.ridge * plain_factor(training.schedule, 0) : 1;
  }

  /// What the optimizer makes of a gradient, at the first step.
  [[nodiscard]] double direction(double gradient) const {
    double first = 0;
    double second = 0;
    return optimizer.direction(optimizer_values, 0, gradient, first, second);
  }

  /// By how much a sum may be off.
  [[nodiscard]] double allowed(const Sum& sum) const { return tolerance * sum.terms + sum.slack; }

  /// A weight after a step of `size` against this gradient. What the gradient may be off by may turn the direction of
  /// an optimizer that looks at signs. additions: as below.
  [[nodiscard]] Expected step(double weight, double kept, double size, const Sum& gradient,
                              double additions = 0) const {
    const double along = direction(gradient.value);
    const double off = allowed(gradient);
    const double turned = std::max(direction(gradient.value + off) - along, along - direction(gradient.value - off));
    const double value = kept * weight - size * along;
    return rounded(weight, value, size * (tolerance * std::abs(along) + turned), additions);
  }

  /// A number that was `before`, whose step may be off by `off`, and what rounding makes of it. additions: of terms to
  /// it, one after the other. Terms below its rounding are lost, all of them where they are below it on average.
  [[nodiscard]] Expected rounded(double before, double value, double off, double additions = 0) const {
    const double size = rounding * (std::max(std::abs(before), std::abs(value)) + off);
    const double terms = off / tolerance;
    const double lost = terms < weight_roundings * additions * size ? terms : 0;
    return {value, off + roundings_of(additions) * size + lost};
  }

  /// By how much a function may be off where its argument is: what that changes, and its own rounding, which is
  /// relative to `size`.
  template <class Function>
  [[nodiscard]] double slack(Function function, double z, double z_slack, double size) const {
    return std::abs(function(z + z_slack) - function(z - z_slack)) + weight_roundings * rounding * size;
  }

  const PlainActivation& psi;
  const PlainRule& rule;
  const PlainLoss& loss;
  const PlainOptimizer& optimizer;
  std::span<const double> optimizer_values;
  double tolerance;
  double rounding;
  double output_scale;
  double step_size;
  double output_step_size;
  double hidden_step_size;
  double decay;         // of beta
  double hidden_decay;  // of W
};

double dot(std::span<const double> a, std::span<const double> b) {
  const auto size = static_cast<Eigen::Index>(a.size());
  return Eigen::Map<const Eigen::VectorXd>(a.data(), size).dot(Eigen::Map<const Eigen::VectorXd>(b.data(), size));
}

double norm(std::span<const double> a) {
  return std::sqrt(dot(a, a));
}

double largest(std::span<const double> a) {
  return a.empty()
             ? 0
             : Eigen::Map<const Eigen::VectorXd>(a.data(), static_cast<Eigen::Index>(a.size())).cwiseAbs().maxCoeff();
}

/// A sample of step 0, and what teaches by it.
struct Lesson {
  std::int32_t row = 0;  // in the problem
  double input_norm = 0;
  std::span<const double> f;  // outputs, as are the others
  std::span<double> error;
  double error_slack = 0;          // of each
  std::span<double> taught;        // to the hidden layer
  std::span<double> taught_slack;  // of each
  Sum arriving_square;             // of the errors that come to the hidden layer
};

/// What a hidden unit makes of a sample.
struct Response {
  double z = 0;
  double z_slack = 0;
  double mask = 1;
  double h = 0;  // with its mask
  double h_slack = 0;
};

/// A hidden unit at step 0, and the sums of its step.
struct Unit {
  std::vector<double> w;  // inputs
  double w_norm = 0;
  std::vector<double> beta;  // outputs
  std::vector<double> b;     // as above
  std::vector<double> v;     // the rule's feedback, as above
  double bias = 0;
  std::vector<Sum> signal;         // of each sample, by which its input is added to the gradient of W
  std::vector<double> w_gradient;  // inputs
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

class ExpectedPlainStep final : public ExpectedStep {
 public:
  /// f: outputs of the step's batch, rows x outputs; fresh: its samples where it drew them.
  ExpectedPlainStep(const Snapshot& start, std::span<const std::int32_t> rows, std::vector<double> f, Samples fresh)
      : problem_(start.problem()),
        training_(start.training()),
        formulas_(training_, start.run()),
        share_(training_.reduction == Reduction::mean ? 1 / static_cast<double>(rows.size()) : 1),
        inputs_(static_cast<std::size_t>(problem_.inputs)),
        outputs_(static_cast<std::size_t>(problem_.outputs)),
        output_bias_(start.output_bias()),
        worst_(formulas_.tolerance),
        fresh_(std::move(fresh)),
        f_(std::move(f)),
        taught_(3 * f_.size()) {
    if (training_.dropout > 0) {
      masks_.emplace(start.run(), training_.dropout, static_cast<int>(rows.size()), 0);
    }
    lessons_.reserve(rows.size());
    for (const std::int32_t row : rows) {
      lessons_.push_back(make_lesson(row, lessons_.size()));
    }
    const double unit_work = static_cast<double>(rows.size()) * problem_.inputs;
    if (unit_work * problem_.width <= most_output_work()) {
      check_outputs(start);
    }
    choose_pairs(start, unit_work);
    const bool waits = formulas_.rule.is_centred;  // for the signals of all samples
    for_each_unit_and_input([&](Unit& unit, int number, std::size_t i, auto x) {
      see(unit, number, i, x);
      if (!waits) {
        learn(unit, i, x);
      }
    });
    if (waits) {
      for_each_unit([](Unit& unit) { centre(unit.signal); });
      for_each_unit_and_input([&](Unit& unit, int /*number*/, std::size_t i, auto x) { learn(unit, i, x); });
    }
    if (formulas_.rule.decays_itself) {
      for_each_unit([&](Unit& unit) { add_own_decay(unit); });
    }
  }

  [[nodiscard]] FirstStep compare(const Snapshot& after) const override {
    Worst worst = worst_;
    const std::vector<double> feedback =
        formulas_.rule.redraws_feedback ? feedback_of_step(problem_, training_, after.step()) : std::vector<double>();
    const std::vector<Sum> mirrored = formulas_.rule.mirrors ? mirror(after) : std::vector<Sum>();
    for (const Pair& pair : pairs_) {
      after.network().keeps_hidden_weight() ? compare_weights(pair, after, worst) : compare_z(pair, after, worst);
      compare_readouts(pair, after, feedback, mirrored, worst);
    }
    compare_output_biases(after, worst);
    return worst.finish(formulas_.rule.name);
  }

 private:
  // Multiplications that are spent on a run. A run of so many steps takes some milliseconds at least, of which 2^18
  // multiplications and what is beside them are about a hundredth. A shorter one has two units checked, others for each
  // seed.
  static constexpr std::int64_t long_run_steps = 1000;
  [[nodiscard]] bool is_long() const { return training_.max_steps >= long_run_steps; }
  [[nodiscard]] double most_output_work() const { return is_long() ? 1 << 18 : 0; }
  [[nodiscard]] int all_pairs() const { return (problem_.width + 1) / 2; }
  [[nodiscard]] int count_pairs(double unit_work) const {
    constexpr double most_units_work = 1 << 16;
    constexpr double most_pairs = 8;
    constexpr double least_pairs = 2;  // the first and the last
    const double pairs = is_long() ? std::clamp(most_units_work / (2 * unit_work), least_pairs, most_pairs) : 1;
    return std::min(static_cast<int>(pairs), all_pairs());
  }

  [[nodiscard]] double samples() const { return static_cast<double>(lessons_.size()); }

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
  /// visit(unit, its number, i, x) for the i-th sample of the batch.
  template <class Visit>
  void for_each_unit_and_input(Visit visit) {
    for (std::size_t i = 0; i < lessons_.size(); ++i) {
      const std::span<const double> x = input(lessons_[i].row);
      for (Pair& pair : pairs_) {
        for (std::size_t u = 0; u < pair.units.size(); ++u) {
          visit(pair.units[u], pair.first + static_cast<int>(u), i, x);
        }
      }
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

  [[nodiscard]] Pair read_pair(const Snapshot& start, int first) const {
    const NetworkReader& network = start.network();
    Pair pair;
    pair.first = first;
    pair.units.resize(static_cast<std::size_t>(std::min(2, problem_.width - first)));
    const std::vector<double> w = pair.read(inputs_, [&](int from, std::span<double> rows) {
      network.keeps_hidden_weight() ? network.read_hidden_weight(problem_, from, rows)
                                    : problem_.fill_hidden_weight(from, rows);
    });
    const auto beta = pair.read(outputs_, [&](int from, auto rows) { network.read_output_weight(from, rows); });
    const auto b = pair.read(outputs_, [&](int from, auto rows) { network.read_feedback(from, rows); });
    const auto bias = pair.read(1, [&](int from, auto rows) { network.read_hidden_bias(from, rows); });
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      Unit& unit = pair.units[u];
      unit.w = row_of(w, u, inputs_);
      unit.w_norm = norm(unit.w);
      unit.beta = row_of(beta, u, outputs_);
      unit.b = row_of(b, u, outputs_);
      std::ranges::transform(unit.b, unit.beta, std::back_inserter(unit.v), formulas_.rule.feedback);
      unit.bias = bias[u];
    }
    return pair;
  }

  /// Pairs of hidden units from the first to the last, at equal distances; or any one.
  void choose_pairs(const Snapshot& start, double unit_work) {
    const int chosen = count_pairs(unit_work);
    for (int i = 0; i < chosen; ++i) {
      const std::int64_t pair = chosen == 1 ? seed_of_training(start.run()) % all_pairs()
                                            : std::int64_t{i} * (all_pairs() - 1) / (chosen - 1);
      pairs_.push_back(read_pair(start, static_cast<int>(2 * pair)));
    }
    for (Pair& pair : pairs_) {
      if (!start.network().keeps_hidden_weight()) {
        pair.z = read_z(pair, start);
      }
      for (Unit& unit : pair.units) {
        unit.signal.resize(lessons_.size());
        unit.w_gradient.resize(inputs_);
        unit.w_off.resize(inputs_);
        unit.beta_gradient.resize(outputs_);
        unit.activity.resize(outputs_);
      }
    }
  }

  [[nodiscard]] std::vector<double> read_z(const Pair& pair, const Snapshot& snapshot) const {
    return pair.read(static_cast<std::size_t>(snapshot.sizes().rows()),
                     [&](int from, std::span<double> rows) { snapshot.network().read_pre_activation(from, rows); });
  }

  [[nodiscard]] Response respond(const Unit& unit, int number, std::size_t i, std::span<const double> x) {
    const Lesson& lesson = lessons_[i];
    Response r;
    r.z = dot(unit.w, x) + unit.bias;
    r.z_slack = pre_activation_roundings * formulas_.rounding * (unit.w_norm * lesson.input_norm + std::abs(unit.bias));
    r.mask = masks_ ? masks_->factor(0, static_cast<int>(i), number) : 1;
    const double h = formulas_.psi.psi(r.z);
    r.h = r.mask * h;
    r.h_slack = r.mask * formulas_.slack(formulas_.psi.psi, r.z, r.z_slack, std::abs(h));
    return r;
  }

  /// The solver's outputs against a forward pass through all units.
  void check_outputs(const Snapshot& start) {
    for (int first = 0; first < problem_.width; first += 2) {
      pairs_.push_back(read_pair(start, first));
    }
    std::vector<Sum> f(lessons_.size() * outputs_);
    for_each_unit_and_input([&](const Unit& unit, int number, std::size_t i, auto x) {
      const Response r = respond(unit, number, i, x);
      for (std::size_t c = 0; c < outputs_; ++c) {
        const double weight = formulas_.output_scale * unit.beta[c];
        f[i * outputs_ + c].add(weight * r.h, std::abs(weight) * r.h_slack);
      }
    });
    for (std::size_t at = 0; at < f.size(); ++at) {
      const double bias = output_bias_[at % outputs_];
      worst_.look(formulas_.rounded(bias, f[at].value + bias, formulas_.allowed(f[at])),
                  lessons_[at / outputs_].f[at % outputs_], "f", no_unit, at);
    }
    pairs_.clear();
  }

  /// The i-th sample's part in the steps of beta, and of b where it adapts, and what teaches W by it.
  void see(Unit& unit, int number, std::size_t i, std::span<const double> x) {
    const Lesson& lesson = lessons_[i];
    const double factor = share_ * formulas_.output_scale;
    const Response r = respond(unit, number, i, x);
    for (std::size_t c = 0; c < outputs_; ++c) {
      const double e = lesson.error[c];
      const double f = lesson.f[c];
      unit.beta_gradient[c].add(factor * r.h * e,
                                factor * (std::abs(r.h) * lesson.error_slack + r.h_slack * std::abs(e)));
      unit.activity[c].add(factor * r.h * f, factor * r.h_slack * std::abs(f));
    }
    unit.power.add(factor * r.h * r.h, 2 * factor * std::abs(r.h) * r.h_slack);
    unit.signal[i] = formulas_.rule.hebbian == nullptr ? sent_back(unit, lesson, r) : hebbian(lesson, r);
    unit.signal[i].scale(factor);
  }

  /// sum_c t_c v_c psi'(z), with the mask.
  [[nodiscard]] Sum sent_back(const Unit& unit, const Lesson& lesson, const Response& r) const {
    Sum back;
    for (std::size_t c = 0; c < outputs_; ++c) {
      back.add(lesson.taught[c] * unit.v[c], lesson.taught_slack[c] * std::abs(unit.v[c]));
    }
    const double slope = formulas_.psi.psi_prime(r.z);
    const double slope_slack = formulas_.slack(formulas_.psi.psi_prime, r.z, r.z_slack, 1);
    Sum signal;
    signal.add(r.mask * back.value * slope, r.mask * back.terms * std::abs(slope),
               r.mask * (back.slack * std::abs(slope) + back.terms * slope_slack));
    return signal;
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
  void learn(Unit& unit, std::size_t i, std::span<const double> x) const {
    const Lesson& lesson = lessons_[i];
    const Sum& signal = unit.signal[i];
    const auto inputs = static_cast<Eigen::Index>(inputs_);
    const Eigen::Map<const Eigen::VectorXd> row(x.data(), inputs);
    Eigen::Map<Eigen::VectorXd>(unit.w_gradient.data(), inputs) += signal.value * row;
    Eigen::Map<Eigen::VectorXd>(unit.w_off.data(), inputs) += formulas_.allowed(signal) * row.cwiseAbs();
    unit.moved_square += signal.terms * signal.terms * lesson.input_norm * lesson.input_norm;
    unit.moved_slack += signal.slack * lesson.input_norm;
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
    const auto w =
        pair.read(inputs_, [&](int from, auto rows) { after.network().read_hidden_weight(problem_, from, rows); });
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      const Unit& unit = pair.units[u];
      for (std::size_t j = 0; j < inputs_; ++j) {
        const Sum gradient{unit.w_gradient[j], 0, unit.w_off[j]};
        worst.look(formulas_.step(unit.w[j], formulas_.hidden_decay, formulas_.hidden_step_size, gradient, samples()),
                   w[u * inputs_ + j], "W", pair.first + static_cast<int>(u), j);
      }
    }
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
                   z[u * rows + row], "Z", pair.first + static_cast<int>(u), row);
      }
    }
  }

  /// beta, b and the units' biases. feedback, mirrored: b of all units and what it learns from noise, where the rule
  /// has it so.
  void compare_readouts(const Pair& pair, const Snapshot& after, const std::vector<double>& redrawn,
                        const std::vector<Sum>& mirrored, Worst& worst) const {
    const NetworkReader& network = after.network();
    const auto beta = pair.read(outputs_, [&](int from, auto rows) { network.read_output_weight(from, rows); });
    const auto b = pair.read(outputs_, [&](int from, auto rows) { network.read_feedback(from, rows); });
    const auto bias = pair.read(1, [&](int from, auto rows) { network.read_hidden_bias(from, rows); });
    for (std::size_t u = 0; u < pair.units.size(); ++u) {
      const Unit& unit = pair.units[u];
      const int number = pair.first + static_cast<int>(u);
      for (std::size_t c = 0; c < outputs_; ++c) {
        const std::size_t in_all = static_cast<std::size_t>(number) * outputs_ + c;
        worst.look(formulas_.step(unit.beta[c], formulas_.decay, formulas_.output_step_size, unit.beta_gradient[c]),
                   beta[u * outputs_ + c], "beta", number, c);
        const Expected expected = !redrawn.empty()    ? formulas_.rounded(0, redrawn[in_all], 0)
                                  : !mirrored.empty() ? mirror_step(unit.b[c], mirrored[in_all])
                                                      : feedback_step(unit, c);
        worst.look(expected, b[u * outputs_ + c], "b", number, c);
      }
      if (training_.biases) {
        worst.look(formulas_.step(unit.bias, 1, formulas_.hidden_step_size, unit.bias_gradient, samples()), bias[u],
                   "bias", number, 0);
      }
    }
  }

  [[nodiscard]] Expected feedback_step(const Unit& unit, std::size_t c) const {
    const double b = unit.b[c];
    if (formulas_.rule.learns_feedback) {
      return formulas_.step(b, formulas_.decay, formulas_.output_step_size, unit.beta_gradient[c]);
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

  /// sum_j xi_j (xi_j beta) / m of all units and outputs, by beta after the step (model/mirror.hpp).
  [[nodiscard]] std::vector<Sum> mirror(const Snapshot& after) const {
    const auto width = static_cast<std::size_t>(problem_.width);
    const std::vector<double> noise = noise_of_step(problem_, training_, 1, 0);
    const std::span<const double> beta = after.output_weight();
    const double share = 1.0 / training_.mirror_samples;
    std::vector<Sum> learned(width * outputs_);
    for (std::size_t begin = 0; begin < noise.size(); begin += width) {
      const std::span<const double> xi = std::span(noise).subspan(begin, width);
      for (std::size_t c = 0; c < outputs_; ++c) {
        Sum answer;
        for (std::size_t r = 0; r < width; ++r) {
          answer.add(xi[r] * beta[r * outputs_ + c], 0);
        }
        const double slack = pre_activation_roundings * formulas_.rounding * answer.terms;
        for (std::size_t r = 0; r < width; ++r) {
          learned[r * outputs_ + c].add(share * xi[r] * answer.value, share * std::abs(xi[r]) * slack);
        }
      }
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
      worst.look(formulas_.step(output_bias_[c], 1, formulas_.output_step_size, gradient), bias[c], "output_bias",
                 no_unit, c);
    }
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  Formulas formulas_;
  double share_;  // of a sample in the loss
  std::size_t inputs_;
  std::size_t outputs_;
  std::vector<double> output_bias_;  // at step 0
  Worst worst_;
  std::optional<PlainMasks> masks_;
  std::vector<double> input_;
  Samples fresh_;
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
  if (start.training().depth > 1 || propagates_targets(start.run().rule) || !start.network().read_batch_outputs(f)) {
    return nullptr;
  }
  Samples fresh;
  if (data.sampling == Sampling::fresh) {
    fresh = draw_fresh_samples(data, problem_key(start.run()), 0, start.training().batch_size);
  }
  return std::make_unique<ExpectedPlainStep>(start, rows, std::move(f), std::move(fresh));
}

}  // namespace fasweep
