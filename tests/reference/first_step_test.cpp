// The check of first steps: it passes what every solver does under every rule, and nothing else.
#include "reference/first_step.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/training_case.hpp"
#include "model/activation/list.hpp"
#include "model/loss/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TrainingCase;

constexpr int fa = Rules::index_of<FeedbackAlignment>();

std::string name_of_rule(int rule) {
  return std::string(Rules::names[static_cast<std::size_t>(rule)]);
}

RunRecord train(const TrainingCase& c, const FirstStepCheck& check) {
  const Problem problem = c.problem();
  TrainingRequest request = c.request(problem);
  request.first_step = &check;
  return std::move(make_cpu_trainer()->train(request).at(0));
}

/// Odd width, so that the last unit stands alone, and enough steps for the thorough check.
struct FirstStepCase : TrainingCase {
  FirstStepCase(int activation, int rule, Precision precision) : TrainingCase(13, 6, 21, activation, rule, 1000) {
    run.step_size = 0.1;
    data.input_law = InputLaw::gaussian_scaled;
    data.test_samples = 2;
    record.steps = {0, 1000};
    training.stop = TimeStop{{run.step_size}};  // after the first of them
    record.metrics = {0};
    training.precision = precision;
    training.schedule = ExponentialSchedule{{0.9}};
  }
};

/// Weights of size 1 take steps of a hundredth on average, of which a float32 keeps 1e-5 and a float64 1e-14, and some
/// weights far smaller ones. In several layers some steps are so small that one rounding of the weight is all their
/// deviation, a quarter of what is allowed.
double usual_deviation(const TrainingSettings& training) {
  const double tolerance = first_step_tolerance(training.precision);
  if (training.depth > 1) {
    return 2 * tolerance / 3;
  }
  return training.precision == Precision::float64 ? 1e-11 : tolerance / 3;
}

void expect_sound(const TrainingCase& c, const std::string& what) {
  const RunRecord record = train(c, PlainFirstStep());
  EXPECT_EQ(record.error, "") << what;
  EXPECT_LE(record.first_step_deviation, usual_deviation(c.training)) << what;  // nor not a number
}

class FirstStepOfRule : public ::testing::TestWithParam<int> {};

std::vector<int> checked_rules() {
  std::vector<int> rules;
  for (int rule = 0; rule < Rules::size; ++rule) {
    if (!propagates_targets(rule)) {
      rules.push_back(rule);
    }
  }
  return rules;
}

INSTANTIATE_TEST_SUITE_P(, FirstStepOfRule, ::testing::ValuesIn(checked_rules()));

TEST_P(FirstStepOfRule, IsTheFormulasUnderEverySolverActivationAndPrecision) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered}) {
    for (int activation = 0; activation < Activations::size; ++activation) {
      for (const Precision precision : {Precision::float32, Precision::float64}) {
        FirstStepCase c(activation, GetParam(), precision);
        c.solver = solver;
        if (accepts(solver, c.data, c.training, c.run)) {
          expect_sound(c, std::string(name_of(solver)) + " " + std::string(Activations::names[activation]));
        }
      }
    }
  }
}

/// What else a step depends on, one after the other.
const std::vector<std::pair<std::string, std::function<void(TrainingCase&)>>> settings{
    {"outputs", [](TrainingCase& c) { c.data.outputs = 3; }},
    {"minibatches", [](TrainingCase& c) { c.training.batch_size = 5; }},
    {"mean", [](TrainingCase& c) { c.training.reduction = Reduction::mean; }},
    {"dropout", [](TrainingCase& c) { c.training.dropout = 0.3; }},
    {"biases", [](TrainingCase& c) { c.training.biases = true; }},
    {"decay", [](TrainingCase& c) { c.training.decay = Decay::all; }},
    {"scale", [](TrainingCase& c) { c.training.output_scale = OutputScale::one; }},
    {"richness", [](TrainingCase& c) { c.training.richness = 0.5; }},
    {"late errors", [](TrainingCase& c) { c.training.error_delay = 2; }},
    {"fresh samples",
     [](TrainingCase& c) {
       c.data.sampling = Sampling::fresh;
       c.data.label_noise = 0.5;
       c.training.batch_size = 5;
     }},
    {"steps of outputs",
     [](TrainingCase& c) {
       c.training.output_step_factor = 0.25;
       c.training.biases = true;
     }},
    {"classes",
     [](TrainingCase& c) {
       c.data.outputs = 3;
       c.data.targets = Targets::classes;
       c.training.loss = LossFunction::cross_entropy;
       c.training.biases = true;
       c.training.dropout = 0.5;
       c.training.batch_size = 7;
     }},
    {"binary",
     [](TrainingCase& c) {
       c.data.outputs = 2;
       c.data.targets = Targets::classes;
       c.training.loss = LossFunction::binary_cross_entropy;
     }},
};

TEST_P(FirstStepOfRule, IsTheFormulasUnderEverySetting) {
  for (const auto& [name, set] : settings) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      FirstStepCase c(Activations::index_of<Relu>(), GetParam(), precision);
      set(c);
      if (accepts(c.solver, c.data, c.training, c.run)) {
        expect_sound(c, name);
      }
    }
  }
}

TEST_P(FirstStepOfRule, IsTheFormulasUnderEveryOptimizer) {
  for (const Optimizer& optimizer : testing::all_optimizers()) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      FirstStepCase c(Activations::index_of<Tanh>(), GetParam(), precision);
      c.training.optimizer = optimizer;
      c.training.biases = true;
      const RunRecord record = train(c, PlainFirstStep());
      EXPECT_EQ(record.error, "") << optimizer.position();
      EXPECT_LE(record.first_step_deviation, first_step_tolerance(precision)) << optimizer.position();
    }
  }
}

/// The same run with so many hidden layers. The weights of the first take smaller steps, of which their rounding is
/// more.
struct DeepCase : FirstStepCase {
  DeepCase(int depth, int activation, int rule, Precision precision) : FirstStepCase(activation, rule, precision) {
    training.depth = depth;
    solver = Solver::layered;
  }
};

TEST_P(FirstStepOfRule, IsTheFormulasInSeveralLayersUnderEveryActivationPrecisionSettingAndOptimizer) {
  for (const int depth : {2, 3, 5}) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      if (const DeepCase c(depth, 0, GetParam(), precision); !accepts(c.solver, c.data, c.training, c.run)) {
        continue;
      }
      const std::string what = std::to_string(depth) + " layers, ";
      for (int activation = 0; activation < Activations::size; ++activation) {
        expect_sound(DeepCase(depth, activation, GetParam(), precision),
                     what + std::string(Activations::names[static_cast<std::size_t>(activation)]));
      }
      for (const auto& [name, set] : settings) {
        DeepCase c(depth, Activations::index_of<Relu>(), GetParam(), precision);
        set(c);
        if (accepts(c.solver, c.data, c.training, c.run)) {
          expect_sound(c, what + name);
        }
      }
      for (const Optimizer& optimizer : testing::all_optimizers()) {
        DeepCase c(depth, Activations::index_of<Tanh>(), GetParam(), precision);
        c.training.optimizer = optimizer;
        c.training.biases = true;
        const RunRecord record = train(c, PlainFirstStep());
        EXPECT_EQ(record.error, "") << what << optimizer.position();
        EXPECT_LE(record.first_step_deviation, first_step_tolerance(precision)) << what << optimizer.position();
      }
    }
  }
}

/// Takes the run to be of another rule: a trainer that computes the wrong one looks like that.
class MistakenCheck final : public FirstStepCheck {
 public:
  explicit MistakenCheck(int rule) : rule_(rule) {}

  [[nodiscard]] std::unique_ptr<ExpectedStep> expect(const Snapshot& start, const DataSettings& data) const override {
    run_ = start.run();
    run_.rule = rule_;
    return plain_.expect({start.problem(), start.training(), run_, 0, start.network()}, data);
  }

 private:
  int rule_;
  mutable RunSpec run_;
  PlainFirstStep plain_;
};

/// Whether the first steps of two rules are the same with one hidden layer.
bool are_alike(int a, int b) {
  return computed_rule(a) == computed_rule(b) && redraws_feedback(a) == redraws_feedback(b);
}

TEST_P(FirstStepOfRule, IsNotThatOfAnotherRule) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    for (const Precision precision : {Precision::float32, Precision::float64}) {
      for (const int other : checked_rules()) {
        FirstStepCase c(Activations::index_of<Linear>(), GetParam(), precision);
        c.solver = solver;
        if (!accepts(solver, c.data, c.training, c.run)) {
          continue;
        }
        const RunRecord record = train(c, MistakenCheck(other));

        if (are_alike(GetParam(), other)) {
          EXPECT_EQ(record.error, "") << name_of_rule(other);
          continue;
        }
        EXPECT_EQ(record.status, RunStatus::failed) << name_of_rule(other);
        EXPECT_THAT(record.error, AllOf(HasSubstr("not that of rule '" + name_of_rule(other) + "'"),
                                        HasSubstr("of hidden unit"), HasSubstr("should be")));
        EXPECT_GT(record.first_step_deviation, first_step_tolerance(precision)) << name_of_rule(other);
      }
    }
  }
}

/// Rules that go back through several layers by the same way, of which the solver reads the same weights.
bool share_a_route(int a, int b) {
  return route_of(a) == route_of(b);
}

TEST_P(FirstStepOfRule, IsNotThatOfAnotherRuleInSeveralLayers) {
  for (const Precision precision : {Precision::float32, Precision::float64}) {
    for (const int other : checked_rules()) {
      const DeepCase c(3, Activations::index_of<Linear>(), GetParam(), precision);
      RunSpec mistaken = c.run;
      mistaken.rule = other;
      if (!accepts(c.solver, c.data, c.training, c.run) || !accepts(c.solver, c.data, c.training, mistaken) ||
          !share_a_route(GetParam(), other)) {
        continue;
      }
      const RunRecord record = train(c, MistakenCheck(other));

      EXPECT_EQ(record.error.empty(), are_alike(GetParam(), other)) << name_of_rule(other) << record.error;
      if (!are_alike(GetParam(), other)) {
        EXPECT_GT(record.first_step_deviation, first_step_tolerance(precision)) << name_of_rule(other);
      }
    }
  }
}

/// A network whose feedback weights, of the last layer and of those before it, and outputs are read as so many times
/// what they are.
class Changed final : public NetworkReader {
 public:
  Changed(const NetworkReader& network, double feedback, double output, double inner_feedback)
      : of_(network), b_(feedback), f_(output), inner_b_(inner_feedback) {}

  void read_output_weight(int first, std::span<double> beta) const override { of_.read_output_weight(first, beta); }
  void read_feedback(int first, std::span<double> b) const override {
    of_.read_feedback(first, b);
    std::ranges::transform(b, b.begin(), [&](double value) { return b_ * value; });
  }
  void read_hidden_weight(const Problem& problem, int first, std::span<double> w) const override {
    of_.read_hidden_weight(problem, first, w);
  }
  void read_hidden_bias(int first, std::span<double> bias) const override { of_.read_hidden_bias(first, bias); }
  void read_inner_weight(int layer, int first, std::span<double> w) const override {
    of_.read_inner_weight(layer, first, w);
  }
  void read_inner_bias(int layer, int first, std::span<double> bias) const override {
    of_.read_inner_bias(layer, first, bias);
  }
  void read_inner_feedback(int layer, int first, std::span<double> b) const override {
    of_.read_inner_feedback(layer, first, b);
    std::ranges::transform(b, b.begin(), [&](double value) { return inner_b_ * value; });
  }
  void read_pre_activation(int first, std::span<double> z) const override { of_.read_pre_activation(first, z); }
  void read_hidden_change(int first, std::span<double> change) const override { of_.read_hidden_change(first, change); }
  [[nodiscard]] bool keeps_hidden_weight() const override { return of_.keeps_hidden_weight(); }
  [[nodiscard]] bool read_batch_outputs(std::span<double> f) const override {
    static_cast<void>(of_.read_batch_outputs(f));
    std::ranges::transform(f, f.begin(), [&](double value) { return f_ * value; });
    return true;
  }

 private:
  const NetworkReader& of_;
  double b_;
  double f_;
  double inner_b_;
};

class ChangedCheck final : public FirstStepCheck {
 public:
  ChangedCheck(double feedback, double output, double inner_feedback = 1)
      : b_(feedback), f_(output), inner_b_(inner_feedback) {}
  [[nodiscard]] std::unique_ptr<ExpectedStep> expect(const Snapshot& start, const DataSettings& data) const override {
    const Changed network(start.network(), b_, f_, inner_b_);
    return plain_.expect({start.problem(), start.training(), start.run(), 0, network}, data);
  }

 private:
  double b_;
  double f_;
  double inner_b_;
  PlainFirstStep plain_;
};

TEST(FirstStep, WithTheWrongSignOfFeedbackFailsTheRun) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space}) {
    for (const std::int64_t steps : {10, 1000}) {  // a short run looks at two units
      FirstStepCase c(Activations::index_of<Tanh>(), fa, Precision::float32);
      c.solver = solver;
      c.training.max_steps = steps;
      c.record.steps = {0, steps};

      const RunRecord record = train(c, ChangedCheck(-1, 1));

      EXPECT_EQ(record.status, RunStatus::failed);
      EXPECT_EQ(record.reason, StopReason::error);
      EXPECT_THAT(record.error, HasSubstr("rule 'feedback-alignment'"));
      EXPECT_GT(record.first_step_deviation, 0.01);
      EXPECT_EQ(train(c, ChangedCheck(1, 1)).error, "");
    }
  }
}

TEST(FirstStep, FromOutputsThatAreNotTheNetworksFailsTheRun) {
  const FirstStepCase c(Activations::index_of<Tanh>(), fa, Precision::float32);
  EXPECT_THAT(train(c, ChangedCheck(1, 1.5)).error, HasSubstr("should be"));
}

TEST(FirstStep, BelowWhatFloat32ResolvesPasses) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space}) {
    for (const double step_size : {1e-5, 1e-7, 1e-9, 1e-30}) {
      FirstStepCase c(Activations::index_of<Relu>(), fa, Precision::float32);
      c.solver = solver;
      c.run.step_size = step_size;
      const RunRecord record = train(c, PlainFirstStep());
      EXPECT_EQ(record.error, "") << step_size;
      EXPECT_LE(record.first_step_deviation, first_step_tolerance(Precision::float32)) << step_size;
    }
  }
}

TEST(FirstStep, OfARunThatDivergesAtOnceIsNoMismatch) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::layered}) {
    for (const double step_size : {1e3, 1e10, 1e20, 1e38}) {
      FirstStepCase c(Activations::index_of<Softplus>(), fa, Precision::float32);
      c.solver = solver;
      c.run.step_size = step_size;
      c.training.stop = NeverStop();
      const RunRecord record = train(c, PlainFirstStep());
      EXPECT_EQ(record.error, "") << step_size;
      EXPECT_EQ(record.status, RunStatus::diverged) << step_size;
    }
  }
}

TEST(FirstStep, OfInputsOfAllSizesAndSaturatedUnitsIsTheFormulas) {
  for (int activation = 0; activation < Activations::size; ++activation) {
    for (const double size : {1e-6, 30.0, 1e3}) {
      FirstStepCase c(activation, fa, Precision::float32);
      c.run.step_size = 1e-3 / (1 + size * size);
      Problem problem = c.problem();
      for (double& x : problem.x) {
        x = size * std::abs(x);
      }
      const PlainFirstStep check;
      TrainingRequest request = c.request(problem);
      request.first_step = &check;
      const RunRecord record = std::move(make_cpu_trainer()->train(request).at(0));
      EXPECT_EQ(record.error, "") << Activations::names[static_cast<std::size_t>(activation)] << " " << size;
    }
  }
}

TEST(FirstStep, WithTheWrongSignOfFeedbackBetweenLayersFailsTheRun) {
  for (const std::string_view rule : {"feedback-alignment", "kolen-pollack", "sign-symmetry-fixed", "dfa", "drtp"}) {
    for (const std::int64_t steps : {10, 1000}) {
      DeepCase c(2, Activations::index_of<Tanh>(), *Rules::find(rule), Precision::float32);
      c.training.max_steps = steps;
      c.record.steps = {0, steps};

      EXPECT_EQ(train(c, ChangedCheck(1, 1)).error, "") << rule;
      if (rule != "sign-symmetry-fixed") {  // whose signs are those of W
        EXPECT_THAT(train(c, ChangedCheck(1, 1, -1)).error, HasSubstr("should be")) << rule;
      }
      EXPECT_THAT(train(c, ChangedCheck(1, 1, 1.01)).error, HasSubstr("should be")) << rule;
      EXPECT_THAT(train(c, ChangedCheck(1, 1.01)).error, HasSubstr("should be")) << rule;
    }
  }
}

TEST(FirstStep, IsCheckedInSeveralLayersWhereThatCostsLittle) {
  DeepCase c(2, 0, fa, Precision::float32);
  c.run.width = 200;  // 13 samples, 200^2 weights
  EXPECT_FALSE(std::isnan(train(c, PlainFirstStep()).first_step_deviation));
  c.training.max_steps = 999;
  c.record.steps = {0, 999};
  EXPECT_TRUE(std::isnan(train(c, PlainFirstStep()).first_step_deviation));
  c.run.width = 100;
  EXPECT_FALSE(std::isnan(train(c, PlainFirstStep()).first_step_deviation));
}

TEST(FirstStep, IsNotCheckedWithoutSteps) {
  FirstStepCase none(0, fa, Precision::float64);
  none.training.max_steps = 0;
  none.record.steps = {0};
  EXPECT_TRUE(std::isnan(train(none, PlainFirstStep()).first_step_deviation));
}

}  // namespace
}  // namespace fasweep
