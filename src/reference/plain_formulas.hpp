// Every activation, rule, loss, optimizer, schedule and stop rule spelt out again, by name, as its definition reads:
// what the fast formulas of model/ and the backends are held to. A variant that is not here is refused, never taken for
// another.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/run_spec.hpp"
#include "util/error.hpp"

namespace fasweep {

struct PlainActivation {
  static constexpr std::string_view kind = "activation";
  std::string_view name;
  double (*psi)(double z);
  double (*psi_prime)(double z);
};

struct PlainRule {
  static constexpr std::string_view kind = "rule";
  std::string_view name;
  double (*feedback)(double b, double beta);
  double (*teaching)(double e, double y);
  bool learns_feedback;  // by beta's update
  int rich_power = 0;    // the step size of W is (g sqrt(p))^rich_power times beta's in a network of richness g
  bool redraws_feedback = false;
  bool mirrors = false;                                        // b learns from noise
  double (*hebbian)(double error_square, double h) = nullptr;  // in place of what comes back, times psi'
  bool is_centred = false;                                     // each unit's over the samples
  bool decays_itself = false;                                  // W of a unit, by its sum of h^2
  bool adapts_feedback = false;                                // b by Oja's rule
  bool propagates_targets = false;                             // through inverse layers, which learn
  bool inverts_outputs = false;                                // for the last hidden layer's target too
  bool is_direct = false;  // what teaches comes straight from the outputs to every hidden layer
};

/// Loss of one sample with outputs f and targets y.
struct PlainLoss {
  static constexpr std::string_view kind = "loss";
  std::string_view name;
  double (*loss)(std::span<const double> f, std::span<const double> y);
  /// The error that flows back, prediction - y, written so that nothing cancels.
  void (*take_errors)(std::span<const double> f, std::span<const double> y, std::span<double> e);
};

/// What a weight descends along in place of the gradient g of step t, with two numbers kept of it, 0 at the start.
struct PlainOptimizer {
  static constexpr std::string_view kind = "optimizer";
  std::string_view name;
  double (*direction)(std::span<const double> values, double t, double g, double& first, double& second);
};

struct PlainSchedule {
  static constexpr std::string_view kind = "schedule";
  std::string_view name;
  double (*factor)(std::span<const double> values, double t);
};

/// A run up to some step, for judging whether it ends there. Losses are of the steps' batches.
struct PlainHistory {
  std::span<const double> losses;       // of steps 0, 1, ... to the one that is judged
  std::span<const double> regularized;  // the same with ridge
  double time = 0;                      // sum of eta over the steps before
  double ridge_time = 0;                // of eta lambda
  double precision = 0;                 // relative, of the outputs
  double largest_loss = 0;
  double grown_error = 0;  // of losses, by roundings that grow

  /// By how much a loss may be off: that of outputs which are off by `precision` of their largest, and what has grown.
  [[nodiscard]] double loss_error(double loss) const {
    return precision * (2 * std::sqrt(loss * largest_loss) + precision * largest_loss) + grown_error;
  }
};

struct PlainStopRule {
  static constexpr std::string_view kind = "stop rule";
  std::string_view name;
  /// How far the run is beyond the rule's bound: it ends where this is >= 0.
  double (*excess)(std::span<const double> values, const PlainHistory& run);
  /// By how much excess() may be off.
  double (*slack)(std::span<const double> values, const PlainHistory& run);
};

extern const std::vector<PlainActivation> plain_activations;
extern const std::vector<PlainRule> plain_rules;
extern const std::vector<PlainLoss> plain_losses;
extern const std::vector<PlainOptimizer> plain_optimizers;
extern const std::vector<PlainSchedule> plain_schedules;
extern const std::vector<PlainStopRule> plain_stop_rules;

/// The entry called `name`. Throws ConfigError for any other name.
template <class Entry>
[[nodiscard]] const Entry& find_plain(const std::vector<Entry>& table, std::string_view name) {
  for (const Entry& entry : table) {
    if (entry.name == name) {
      return entry;
    }
  }
  throw ConfigError("the plain reference does not know " + std::string(Entry::kind) + " '" + std::string(name) +
                    "' (its formula is not written there); add it to src/reference/plain_formulas.cpp");
}

/// The schedule's factor at step t.
[[nodiscard]] double plain_factor(const Schedule& schedule, std::int64_t t);

}  // namespace fasweep
