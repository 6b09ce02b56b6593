// A network of some richness is the mean-field network of its definition, which plain loops train here.
#include "model/richness.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cpu/snapshot_case.hpp"
#include "model/activation/list.hpp"
#include "model/rule/list.hpp"
#include "reference/plain_formulas.hpp"

namespace fasweep {
namespace {

using testing::Numbers;
using testing::SnapshotCollector;
using testing::SnapshotNumbers;
using testing::TrainingCase;

/// f = 1 / (g p) sum_r a_r psi(w_r x), every weight trained with the step size eta g^2 p; the error comes back through
/// what the rule makes of a and b. The ridge acts on a.
struct MeanField {
  MeanField(const Problem& of, double richness, const PlainActivation& function, const PlainRule& way_back)
      : problem(of), g(richness), psi(function), w(of.hidden_weight()), rule(way_back) {
    const double scale = g * std::sqrt(static_cast<double>(of.width));
    for (std::size_t r = 0; r < of.output_weight.size(); ++r) {
      a.push_back(of.output_weight[r] * scale);
      b.push_back(of.feedback[r] / scale);
    }
  }

  [[nodiscard]] double z(std::size_t r, std::size_t i) const {
    const auto d = static_cast<std::size_t>(problem.inputs);
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) {
      sum += w[r * d + j] * problem.x[i * d + j];
    }
    return sum;
  }

  [[nodiscard]] Numbers outputs() const {
    Numbers f(static_cast<std::size_t>(problem.samples));
    for (std::size_t i = 0; i < f.size(); ++i) {
      for (std::size_t r = 0; r < a.size(); ++r) {
        f[i] += a[r] * psi.psi(z(r, i)) / (g * problem.width);
      }
    }
    return f;
  }

  void advance(double eta, double ridge) {
    const auto d = static_cast<std::size_t>(problem.inputs);
    const double step = eta * g * g * problem.width;
    const Numbers f = outputs();
    for (std::size_t r = 0; r < a.size(); ++r) {
      double of_a = 0;
      Numbers of_w(d);
      for (std::size_t i = 0; i < f.size(); ++i) {
        const double e = f[i] - problem.y[i];
        const double back = rule.feedback(b[r], a[r]);
        of_a += e * psi.psi(z(r, i)) / (g * problem.width);
        for (std::size_t j = 0; j < d; ++j) {
          of_w[j] += e * back * psi.psi_prime(z(r, i)) * problem.x[i * d + j] / (g * problem.width);
        }
      }
      a[r] = (1 - eta * ridge) * a[r] - step * of_a;
      for (std::size_t j = 0; j < d; ++j) {
        w[r * d + j] -= step * of_w[j];
      }
    }
  }

  const Problem& problem;
  double g;
  const PlainActivation& psi;
  Numbers a;
  Numbers b;
  Numbers w;
  const PlainRule& rule;
};

TEST(Richness, IsTheMeanFieldNetworkOfEverySolver) {
  for (const Solver solver : {Solver::weight_space, Solver::sample_space, Solver::reduced_linear}) {
    for (const int activation :
         {Activations::index_of<Linear>(), Activations::index_of<Relu>(), Activations::index_of<Tanh>()}) {
      for (const int rule : {Rules::index_of<FeedbackAlignment>(), Rules::index_of<Backprop>(),
                             Rules::index_of<SignSymmetry>(), Rules::index_of<FixedSignSymmetry>()}) {
        for (const double richness : {0.3, 2.0}) {
          TrainingCase c(9, 12, 31, activation, rule, 25);
          c.data.input_law = InputLaw::gaussian_scaled;
          c.training.richness = richness;
          c.run.step_size = 0.05;
          c.solver = solver;
          if (!accepts(solver, c.data, c.training, c.run)) {
            continue;
          }
          const std::string name(Activations::names[static_cast<std::size_t>(activation)]);
          SCOPED_TRACE(std::string(name_of(solver)) + ", " + name + ", rule " + std::to_string(rule));
          const Problem problem = c.problem();
          MeanField plain(problem, richness, find_plain(plain_activations, name),
                          find_plain(plain_rules, Rules::names[static_cast<std::size_t>(rule)]));
          SnapshotCollector collector;
          TrainingRequest request = c.request(problem);
          request.visitor = &collector;

          static_cast<void>(make_cpu_trainer()->train(request));

          ASSERT_EQ(collector.snapshots.size(), 26U);
          for (const SnapshotNumbers& snapshot : collector.snapshots) {
            Numbers a = plain.a;
            for (double& number : a) {
              number /= richness * std::sqrt(31.0);
            }
            // Roundings of 25 steps.
            testing::expect_close(snapshot.outputs, plain.outputs(), 1e-9, "f");
            testing::expect_close(snapshot.output_weight, a, 1e-9, "beta");
            plain.advance(c.run.step_size, c.run.ridge);
          }
        }
      }
    }
  }
}

TEST(Richness, OfTheInverseRootOfTheWidthIsThePapersNetwork) {
  TrainingSettings training;
  training.richness = 1 / std::sqrt(400.0);
  EXPECT_NEAR(square_scale(training, 400), 1, 1e-15);
  EXPECT_EQ(square_scale({}, 400), 1);
}

TEST(Richness, ScalesStepsOfWWhereBetaOrItsSignIsSentBack) {
  TrainingSettings training;
  training.richness = 2;
  EXPECT_EQ(hidden_step_factor(training, 100, Rules::index_of<Backprop>()), 400);
  EXPECT_EQ(hidden_step_factor(training, 100, Rules::index_of<SignSymmetry>()), 20);
  EXPECT_EQ(hidden_step_factor(training, 100, Rules::index_of<FixedSignSymmetry>()), 1);
  EXPECT_EQ(hidden_step_factor(training, 100, Rules::index_of<FeedbackAlignment>()), 1);
  EXPECT_EQ(hidden_step_factor(training, 100, Rules::index_of<DirectRandomTargetProjection>()), 1);
}

TEST(Richness, IsRefusedWhereBIsLearned) {
  TrainingSettings training;
  training.richness = 2;
  const auto accepts_rule = [&](int rule) {
    return accepts(Solver::weight_space, {}, training, {0, 100, 0, Activations::index_of<Relu>(), rule, 0});
  };
  EXPECT_TRUE(accepts_rule(Rules::index_of<Backprop>()));
  EXPECT_FALSE(accepts_rule(Rules::index_of<KolenPollack>()));
  EXPECT_FALSE(accepts_rule(Rules::index_of<HebbianFeedback>()));
  EXPECT_FALSE(accepts_rule(Rules::index_of<Oja>()));
}

}  // namespace
}  // namespace fasweep
