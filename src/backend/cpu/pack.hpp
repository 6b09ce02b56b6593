// A vector register of numbers that behaves like one number, so that activations and rules, written once as templates,
// run on it. A thin wrapper around Google Highway for the one instruction set that this copy of the solvers is
// compiled for (backend/cpu/instruction_set.hpp).
#pragma once

#include <hwy/highway.h>

#include "model/elementary.hpp"

namespace fasweep {

template <class Scalar>
struct Pack {
  using Tag = hwy::HWY_NAMESPACE::ScalableTag<Scalar>;
  using Vector = hwy::HWY_NAMESPACE::Vec<Tag>;
  static constexpr int lanes = static_cast<int>(hwy::HWY_NAMESPACE::MaxLanes(Tag()));

  Vector vector;

  Pack() = default;
  explicit Pack(Vector v) : vector(v) {}
  explicit Pack(double value) : vector(hwy::HWY_NAMESPACE::Set(Tag(), static_cast<Scalar>(value))) {}

  static Pack broadcast(Scalar value) { return Pack(hwy::HWY_NAMESPACE::Set(Tag(), value)); }

  /// from and to: aligned to the vector (AlignedNumbers, at a multiple of `lanes`).
  static Pack load(const Scalar* from) { return Pack(hwy::HWY_NAMESPACE::Load(Tag(), from)); }
  void store(Scalar* to) const { hwy::HWY_NAMESPACE::Store(vector, Tag(), to); }

  [[nodiscard]] Scalar sum() const {
    return hwy::HWY_NAMESPACE::GetLane(hwy::HWY_NAMESPACE::SumOfLanes(Tag(), vector));
  }

  friend Pack operator+(Pack a, Pack b) { return Pack(hwy::HWY_NAMESPACE::Add(a.vector, b.vector)); }
  friend Pack operator-(Pack a, Pack b) { return Pack(hwy::HWY_NAMESPACE::Sub(a.vector, b.vector)); }
  friend Pack operator*(Pack a, Pack b) { return Pack(hwy::HWY_NAMESPACE::Mul(a.vector, b.vector)); }
  friend Pack operator/(Pack a, Pack b) { return Pack(hwy::HWY_NAMESPACE::Div(a.vector, b.vector)); }
};

/// a * b + c, fused.
template <class Scalar>
inline Pack<Scalar> multiply_add(Pack<Scalar> a, Pack<Scalar> b, Pack<Scalar> c) {
  return Pack<Scalar>(hwy::HWY_NAMESPACE::MulAdd(a.vector, b.vector, c.vector));
}

// What model/elementary.hpp asks of a vector type.
template <class Scalar>
inline Pack<Scalar> if_less(Pack<Scalar> a, Pack<Scalar> b, Pack<Scalar> yes, Pack<Scalar> no) {
  namespace hn = hwy::HWY_NAMESPACE;
  return Pack<Scalar>(hn::IfThenElse(hn::Lt(a.vector, b.vector), yes.vector, no.vector));
}
template <class Scalar>
inline Pack<Scalar> larger(Pack<Scalar> a, Pack<Scalar> b) {
  return if_less(a, b, b, a);
}
template <class Scalar>
inline Pack<Scalar> smaller(Pack<Scalar> a, Pack<Scalar> b) {
  return if_less(b, a, b, a);
}
template <class Scalar>
inline Pack<Scalar> positive_part(Pack<Scalar> z) {
  return Pack<Scalar>(hwy::HWY_NAMESPACE::Max(Pack<Scalar>(0.0).vector, z.vector));
}
template <class Scalar>
inline Pack<Scalar> is_positive(Pack<Scalar> z) {
  namespace hn = hwy::HWY_NAMESPACE;
  return Pack<Scalar>(hn::IfThenElseZero(hn::Gt(z.vector, Pack<Scalar>(0.0).vector), Pack<Scalar>(1.0).vector));
}
/// Numbers for which a function of values 0 and 1 is asked where it is 1: one comparison, while a Pack of zeros and
/// ones would have to be compared again.
template <class Scalar>
struct LaneTest {
  Pack<Scalar> numbers;
  hwy::HWY_NAMESPACE::Mask<typename Pack<Scalar>::Tag> holds{};
};
template <class Scalar>
inline LaneTest<Scalar> is_positive(LaneTest<Scalar> test) {
  return {test.numbers, hwy::HWY_NAMESPACE::Gt(test.numbers.vector, Pack<Scalar>(0.0).vector)};
}
template <class Scalar>
inline Pack<Scalar> times_power_of_two(Pack<Scalar> value, Pack<Scalar> exponent) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<typename Pack<Scalar>::Tag> whole;
  constexpr int bias = sizeof(Scalar) == 4 ? 127 : 1023;
  constexpr int mantissa_bits = sizeof(Scalar) == 4 ? 23 : 52;
  const auto bits = hn::ShiftLeft<mantissa_bits>(hn::Add(hn::ConvertTo(whole, exponent.vector), hn::Set(whole, bias)));
  return value * Pack<Scalar>(hn::BitCast(typename Pack<Scalar>::Tag(), bits));
}

namespace elementary {
template <>
inline constexpr bool is_single<Pack<float>> = true;
}  // namespace elementary

}  // namespace fasweep
