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
// and (W_l, B_l) <- step(W_l, B_l; gradient s D_l^T H_{l-1}, scale eta) with the decay 1 or 1 - eta lambda
// (training.decay).
#pragma once

#include "model/rule/backprop.hpp"
#include "model/rule/direct_random_target_projection.hpp"
#include "model/rule/feedback_alignment.hpp"
#include "model/rule/kolen_pollack.hpp"
#include "model/rule/readout.hpp"
#include "util/host_device.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule derives from RuleDefaults (readout.hpp) and has
//   name: as written in a job file;
//   feedback(b, beta): v_r from the feedback weight b_r and the forward weight beta_r(t). feedback(0, 0) = 0: units
//     that only fill a vector have weights 0 and must not learn;
//   feedback_is_linear: whether feedback() is linear and homogeneous in (b, beta), which the reduced-linear solver
//     needs;
//   teaching(e, y): what teaches the hidden layer, from an output's error and its target. A solver multiplies it by
//     the sample's share of the loss;
//   error_teaches: whether teaching() is e. A unit's gradient is then v_r times what backprop's is beta_r times, so
//     that one norm gives both;
//   step(readout, gradient, decay, scale): one step of a unit's weights to and from one output. Affine in the
//     gradient: a step of g1 + g2 is one of g1 and then, without decay, one of g2, as solvers may take it;
//     step((0, 0), 0, ...) = (0, 0);
//   learns_feedback: whether step() changes b, which solvers then keep and save for each run;
//   route: of what teaches, to the hidden layers below the last. A direct rule does not learn b, which has no forward
//     weights beside it there.

/// New ones go to the end: positions are stored in result files.
using Rules = TypeList<FeedbackAlignment, Backprop, KolenPollack, DirectRandomTargetProjection>;

/// The feedback of the rule at position `rule`, for where a rule is chosen a number at a time; else Rules::visit.
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
[[nodiscard]] inline Route route_of(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::route; });
}

/// Whether v is made of beta and not of b.
[[nodiscard]] inline bool sends_output_back(int rule) {
  return Rules::visit(rule, [](auto type) { return decltype(type)::type::feedback(0.0, 1.0) != 0; });
}

}  // namespace fasweep
