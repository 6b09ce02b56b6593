// Where the alignment comes from: the exact law of feedback alignment. For a homogeneous psi, psi'(z) z = psi(z), each
// step moves w_r by eta b_r times what moves beta_r, so that at every step t
//   <b, beta(t)> = <b, beta(0)> + 1/2 (||W(t)||^2 - ||W(0)||^2) - 1/2 sum ||dW||^2 - sum eta lambda <b, beta>,
// the sums over the steps before t: the discrete form of the conservation law of Robertson and Koyejo (2024). Alignment
// is growth of ||W|| less what ridge takes, and less what a larger step size would have overshot. Under another psi
// what is missing measures how far it is from homogeneous.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "model/run_memory.hpp"
#include "model/run_spec.hpp"
#include "model/snapshot.hpp"
#include "model/teaching.hpp"

namespace fasweep {

struct AlignmentTermsMetric {
  static constexpr std::string_view name = "alignment_terms";
  static constexpr std::string_view long_name =
      "terms of cos(b, beta) under feedback alignment: of beta(0), growth of ||W||, its steps, ridge, and the defect "
      "of "
      "their sum, 0 for linear and relu";
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot | of_theory | sums_steps;
  static constexpr HiddenParts reads = HiddenParts::weight_change;
  static constexpr std::string_view dimension = "alignment_term";
  static int size(const NetworkSizes& /*sizes*/) { return 5; }
  static double cost(const NetworkSizes& sizes) { return 66.0 * sizes.width * sizes.inputs; }  // W(0), and sums

  static void values(const Snapshot& snapshot, std::span<double> out) {
    const std::span<const double> b = snapshot.feedback();
    const std::span<const double> beta = snapshot.output_weight();
    if (computed_rule(snapshot.run().rule) != ComputedRules::index_of<FeedbackAlignment>() ||
        !is_taught_by_error(snapshot.training(), snapshot.run().rule)) {
      std::ranges::fill(out, not_a_number);
      return;
    }
    const auto dot = [](std::span<const double> u, std::span<const double> v) {
      return std::inner_product(u.begin(), u.end(), v.begin(), 0.0);
    };
    const double start = dot(b, snapshot.initial().output_weight());
    const double growth = growth_of_hidden_square(snapshot) / 2;
    const double steps = -snapshot.memory().hidden_step_square() / 2;
    const double ridge = -snapshot.memory().ridge_dot();
    const double defect = dot(b, beta) - (start + growth + steps + ridge);
    const double norms = std::sqrt(dot(b, b)) * std::sqrt(dot(beta, beta));
    const std::array terms{start, growth, steps, ridge, defect};
    std::ranges::transform(terms, out.begin(), [norms](double term) { return term / norms; });
  }

 private:
  /// ||W(t)||^2 - ||W(0)||^2 = <W(t) - W(0), W(t) + W(0)>, which has the digits of the change.
  static double growth_of_hidden_square(const Snapshot& snapshot) {
    double growth = 0;
    std::vector<double> start;
    snapshot.for_each_block(reads, [&](const HiddenBlock& block) {
      start.resize(block.weight_change.size());
      snapshot.problem().fill_hidden_weight(block.first, start);
      for (std::size_t i = 0; i < start.size(); ++i) {
        growth += block.weight_change[i] * (block.weight_change[i] + 2 * start[i]);
      }
    });
    return growth;
  }
};

}  // namespace fasweep
