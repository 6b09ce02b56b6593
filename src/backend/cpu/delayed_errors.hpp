// The errors of the last steps, for runs whose hidden layers learn from late ones (training.error-delay).
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "train/checkpoint.hpp"
#include "util/bytes.hpp"

namespace fasweep {

template <class Scalar>
class DelayedErrors {
 public:
  /// delay: tau >= 0, in steps; size: errors of a step.
  DelayedErrors(int delay, std::size_t size) : size_(size), kept_(static_cast<std::size_t>(delay) * size) {}

  [[nodiscard]] bool are_late() const { return !kept_.empty(); }
  /// e(t - tau) at step t; 0 before the first comes.
  [[nodiscard]] std::span<const Scalar> arriving() const { return std::span(kept_).subspan(next_, size_); }
  /// Ends a step: keeps its errors if they come late.
  void pass(std::span<const Scalar> errors) {
    if (are_late()) {
      std::ranges::copy(errors, kept_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = (next_ + size_) % kept_.size();
    }
  }

  /// The oldest first.
  void save(ByteWriter& out) const {
    out.put_array(std::span(kept_).subspan(next_));
    out.put_array(std::span(kept_).first(next_));
  }
  void restore(ByteReader& in) {
    get_finite(in, std::span(kept_));
    next_ = 0;
  }

 private:
  std::size_t size_;
  std::vector<Scalar> kept_;  // of tau steps, in a ring
  std::size_t next_ = 0;      // where the oldest begin, whose place those of the step take
};

}  // namespace fasweep
