// Learning rules: where the error that reaches the hidden layer comes from. To add one: write its struct into a file of
// this folder, add it to `Rules` and to the oracles (reference/plain_formulas.cpp,
// tests/analysis/numpy_reference.py).
//
// With Z = X W^T (samples x width), H = psi(Z), f = H beta / sqrt(p), e = f - y, one step of size eta(t) is, all at
// time t,
//   (beta, b) <- step(beta, b; gradient H^T e, decay 1 - eta lambda(t), scale eta / sqrt(p)), mostly
//       beta <- (1 - eta lambda(t)) beta - (eta / sqrt(p)) H^T e
//   W    <- W - (eta / sqrt(p)) [(t v^T) .* psi'(Z)]^T X     v = feedback(b, beta), one entry a hidden unit;
//                                                            t = teaching(e, y), one a sample, mostly e
// (Song, Xu, Lafferty 2021, eq. 2.3 and 4.1, with the sign and the decay factor that descend their loss).
//
// In a network of several hidden layers (model/layers.hpp) D_L = s [(t v^T) .* psi'(Z_L)] is the last layer's part of
// that. Below it, by the rule's route, each layer has
//   layerwise: D_l = s [(D_{l+1} V_{l+1}) .* psi'(Z_l)]   V_{l+1} = feedback(B_{l+1}, W_{l+1}), entry by entry
//   direct:    D_l = s [(t V_l^T) .* psi'(Z_l)]           V_l = feedback(B_l, 0), width x outputs
// and (W_l, B_l) <- step(W_l, B_l; gradient s D_l^T H_{l-1}, scale eta), with the decay 1 - eta lambda for the layers
// that training.decay names, and 1 for others. Rules that propagate targets have D_l of their own
// (model/target_propagation.hpp).
#pragma once

#include <type_traits>

#include "model/rule/backprop.hpp"
#include "model/rule/difference_target_propagation.hpp"
#include "model/rule/direct_feedback_alignment.hpp"
#include "model/rule/direct_random_target_projection.hpp"
#include "model/rule/feedback_alignment.hpp"
#include "model/rule/hebbian.hpp"
#include "model/rule/hebbian_feedback.hpp"
#include "model/rule/kolen_pollack.hpp"
#include "model/rule/readout.hpp"
#include "model/rule/shallow.hpp"
#include "model/rule/sign_symmetry.hpp"
#include "model/rule/weight_mirror.hpp"
#include "util/host_device.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule derives from RuleDefaults (readout.hpp) and has
//   name: as written in a job file;
//   meaning: what comes back, for the table of rules;
//   feedback(b, beta): v_r from the feedback weight b_r and the forward weight beta_r(t). feedback(0, 0) = 0: units
//     that only fill a vector have weights 0 and must not learn;
//   feedback_is_linear: whether feedback() is linear and homogeneous in (b, beta), which the reduced-linear solver
//     needs;
//   teaching(e, y): what teaches the hidden layer, from an output's error, maybe a late one (training.error-delay), and
//     its target. A solver multiplies it by the sample's share of the loss;
//   error_teaches: whether teaching() is e. A unit's gradient is then v_r times what backprop's is beta_r times, so
//     that one norm gives both;
//   step(readout, gradient, decay, scale): one step of a unit's weights to and from one output. Affine in the
//     gradient: a step of g1 + g2 is one of g1 and then, without decay, one of g2, as solvers may take it;
//     step((0, 0), 0, ...) = (0, 0);
//   learns_feedback: whether step() changes b, which solvers then keep and save for each run;
//   adapts_feedback: whether b takes a step of adapt() instead (readout.hpp); learns_feedback is true then;
//   mirrors: whether b learns from noise instead (model/mirror.hpp); likewise;
//   propagates_targets: whether B_2, B_3, ... are inverse layers, which learn and through which targets come back in
//     place of errors (model/target_propagation.hpp); likewise. inverts_outputs: whether b is one of them;
//   is_hebbian: whether W's gradient is - [hebbian(|e|^2, H)]^T X instead, less each unit's mean over the samples if
//     is_centred, and plus sum_i h_i^2 times the unit's own weights if decays_itself (hebbian.hpp);
//   redraws_feedback: whether every step has a b of its own (feedback_of_step() in model/problem.hpp);
//   ComputesAs, only of a rule whose steps with one hidden layer are another's, in the list: that one, which solvers
//     compile and take instead.
//   route: of what teaches, to the hidden layers below the last. A direct rule does not learn b, which has no forward
//     weights beside it there.

/// New ones go to the end: positions are stored in result files.
using Rules = TypeList<FeedbackAlignment, Backprop, KolenPollack, DirectRandomTargetProjection, DirectFeedbackAlignment,
                       Shallow, SignSymmetry, FixedSignSymmetry, RedrawnSignSymmetry, ErrorModulatedHebb, Oja,
                       SejnowskiTesauro, HebbianFeedback, SignedDirectFeedbackAlignment, WeightMirror,
                       DifferenceTargetPropagation, SimplifiedDifferenceTargetPropagation>;

template <class Rule>
concept ComputesAsAnother = requires {
  typename Rule::ComputesAs;
};

template <class Rule>
struct ComputesItself : std::bool_constant<!ComputesAsAnother<Rule>> {};

/// The rules whose steps are their own: what solvers and kernels are compiled for.
using ComputedRules = Filtered<Rules, ComputesItself>;

/// Position in ComputedRules of the one that computes the steps of the rule at position `rule` of Rules.
[[nodiscard]] inline int computed_rule(int rule) {
  return Rules::visit(rule, []<class Rule>(std::type_identity<Rule>) {
    if constexpr (ComputesAsAnother<Rule>) {
      return ComputedRules::index_of<typename Rule::ComputesAs>();
    } else {
      return ComputedRules::index_of<Rule>();
    }
  });
}

/// Calls visitor(std::type_identity<Rule>{}) for the rule that computes the one at position `rule`.
template <class Visitor>
decltype(auto) visit_computed_rule(int rule, Visitor&& visitor) {
  return ComputedRules::visit(computed_rule(rule), visitor);
}

/// What solvers compile of a rule whose feedback and teaching they are given as numbers: the same for all that change
/// nothing else.
template <class Rule>
using StepOf = std::conditional_t<
    std::is_same_v<std::integral_constant<decltype(&Rule::template step<float>), &Rule::template step<float>>,
                   std::integral_constant<decltype(&Rule::template step<float>), &RuleDefaults::step<float>>> &&
        !Rule::learns_feedback,
    RuleDefaults, Rule>;

/// The feedback of the rule at position `rule` of the list, for where a rule is chosen a number at a time; else
/// visit_computed_rule().
template <class T, class... Types>
FASWEEP_HOST_DEVICE inline T feedback_of(TypeList<Types...> /*rules*/, int rule, T b, T beta) {
  T feedback{};
  int index = 0;
  ((feedback = index++ == rule ? Types::feedback(b, beta) : feedback), ...);
  return feedback;
}

/// The same for one step of a readout.
template <class T, class... Types>
FASWEEP_HOST_DEVICE inline void take_step(TypeList<Types...> /*rules*/, int rule, Readout<T>& readout, T gradient,
                                          T decay, T scale) {
  int index = 0;
  ((index++ == rule ? Types::step(readout, gradient, decay, scale) : void()), ...);
}

/// Traits of the rule at position `rule`.
[[nodiscard]] inline bool learns_feedback(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::learns_feedback; });
}
[[nodiscard]] inline bool error_teaches(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::error_teaches; });
}
[[nodiscard]] inline bool is_hebbian(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::is_hebbian; });
}
[[nodiscard]] inline bool adapts_feedback(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::adapts_feedback; });
}
[[nodiscard]] inline bool mirrors(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::mirrors; });
}
[[nodiscard]] inline bool propagates_targets(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::propagates_targets; });
}
[[nodiscard]] inline bool inverts_outputs(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::inverts_outputs; });
}
[[nodiscard]] inline bool redraws_feedback(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::redraws_feedback; });
}
[[nodiscard]] inline Route route_of(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::route; });
}

/// What v is, for those who need to know more than its values.
enum class SentBack { nothing, feedback, output, signs, other };

[[nodiscard]] inline SentBack sent_back(int rule) {
  return Rules::visit(rule, []<class Rule>(std::type_identity<Rule>) {
    const auto is = [](double first, double second, double third) {
      return Rule::feedback(2.0, 3.0) == first && Rule::feedback(-5.0, 7.0) == second &&
             Rule::feedback(11.0, -13.0) == third;
    };
    return is(0, 0, 0)     ? SentBack::nothing
           : is(2, -5, 11) ? SentBack::feedback
           : is(3, 7, -13) ? SentBack::output
           : is(1, 1, -1)  ? SentBack::signs  // of beta
                           : SentBack::other;
  });
}

}  // namespace fasweep
