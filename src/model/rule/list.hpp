// Learning rules: where the error that reaches the hidden layer comes from. To add one: write its struct into a file of
// this folder, add it to `Rules` and to the oracles (tests/backend/cpu/plain_reference.hpp,
// tests/analysis/numpy_reference.py).
//
// With Z = X W^T (samples x width), H = psi(Z), f = H beta / sqrt(p), e = f - y, one step of size eta is, all at time
// t,
//   beta <- (1 - eta lambda(t)) beta - (eta / sqrt(p)) H^T e
//   W    <- W - (eta / sqrt(p)) [(e v^T) .* psi'(Z)]^T X            v = feedback of the rule, one entry a hidden unit
// (Song, Xu, Lafferty 2021, eq. 2.3 and 4.1, with the sign and the decay factor that descend their loss).
#pragma once

#include "model/rule/backprop.hpp"
#include "model/rule/feedback_alignment.hpp"
#include "util/host_device.hpp"
#include "util/type_list.hpp"

namespace fasweep {

// Each rule has
//   name                as written in a job file;
//   feedback(b, beta)   v_r from the fixed feedback weight b_r and the forward weight beta_r(t);
//   feedback_is_linear  whether feedback() is linear in (b, beta), which the reduced-linear solver needs.

/// New ones go to the end: positions are stored in result files.
using Rules = TypeList<FeedbackAlignment, Backprop>;

/// The feedback of the rule at position `rule`, for where a rule is chosen a number at a time; else Rules::visit.
template <class T, class... Types>
FASWEEP_HOST_DEVICE inline T feedback_of(TypeList<Types...> /*rules*/, int rule, T b, T beta) {
  T feedback{};
  int index = 0;
  ((feedback = index++ == rule ? Types::feedback(b, beta) : feedback), ...);
  return feedback;
}

}  // namespace fasweep
