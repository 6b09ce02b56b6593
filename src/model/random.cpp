// Compiled with -ffp-contract=off (src/CMakeLists.txt): a fused multiply-add would change the bits between machines.
#include "model/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>

#include <hwy/highway.h>

#include "model/philox.hpp"

namespace fasweep {
namespace {

// Pairs are made in blocks of this many, each stage a loop over plain arrays, so that the compiler vectorises every
// stage.
constexpr std::size_t block_pairs = 256;
using Block = std::array<double, block_pairs>;

namespace hn = hwy::HWY_NAMESPACE;
using WordTag = hn::ScalableTag<std::uint64_t>;
using Words = hn::Vec<WordTag>;
static_assert(block_pairs % hn::MaxLanes(WordTag()) == 0);

/// philox() of as many positions as there are lanes, each of its words in the lower half of a lane, where a product of
/// two is one instruction; what the upper halves hold is never looked at. random_test.cpp holds the bits to
/// Random123's.
struct PhiloxLanes {
  Words a;
  Words b;
  Words c;
  Words d;

  PhiloxLanes(const RandomStream& stream, Words positions) {
    const WordTag tag;
    const auto seed = static_cast<std::uint64_t>(stream.seed);
    Words k0 = hn::Set(tag, seed);
    Words k1 = hn::Set(tag, seed >> 32U);
    a = positions;
    b = hn::ShiftRight<32>(positions);
    c = hn::Set(tag, static_cast<std::uint32_t>(stream.width));
    d = hn::Set(tag, static_cast<std::uint32_t>(stream.purpose) | static_cast<std::uint32_t>(stream.layer) << 16U);
    for (int round = 0; round < 10; ++round) {
      const Words product0 = times(a, philox_multiplier_0);
      const Words product1 = times(c, philox_multiplier_1);
      a = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), b), k0);
      c = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), d), k1);
      b = product1;
      d = product0;
      k0 = hn::Add(k0, hn::Set(tag, philox_key_step_0));
      k1 = hn::Add(k1, hn::Set(tag, philox_key_step_1));
    }
  }

 private:
  static Words times(Words lower_halves, std::uint32_t factor) {
    const hn::Repartition<std::uint32_t, WordTag> halves;
    return hn::MulEven(hn::BitCast(halves, lower_halves), hn::Set(halves, factor));
  }
};

/// to_unit() of lanes: a whole number below 2^52 laid into the fraction bits of 2^52 converts exactly, the 53rd bit is
/// added apart.
hn::Vec<hn::ScalableTag<double>> to_unit(Words low, Words high) {
  const WordTag tag;
  const hn::ScalableTag<double> numbers;
  const Words two_to_52 = hn::Set(tag, 0x4330000000000000U);
  const Words lower_half = hn::Set(tag, 0xffffffffU);
  const Words bits = hn::ShiftRight<11>(hn::Or(hn::ShiftLeft<32>(high), hn::And(low, lower_half)));
  const auto whole = [&](Words below) {
    return hn::Sub(hn::BitCast(numbers, hn::Or(below, two_to_52)), hn::Set(numbers, 0x1p52));
  };
  const auto upper = whole(hn::ShiftRight<1>(bits));
  const auto last = whole(hn::And(bits, hn::Set(tag, 1U)));
  const auto all = hn::Add(hn::Mul(hn::Set(numbers, 2.0), upper), last);
  return hn::Add(hn::Mul(all, hn::Set(numbers, 0x1p-53)), hn::Set(numbers, 0x1p-54));
}

/// Uniforms u and v of the pairs first_pair, first_pair + 1, ..., of `pairs` and of what fills the last lanes.
void make_uniforms(const RandomStream& stream, std::uint64_t first_pair, std::size_t pairs, Block& u, Block& v) {
  const WordTag tag;
  const hn::ScalableTag<double> numbers;
  Words positions = hn::Iota(tag, first_pair);
  for (std::size_t i = 0; i < pairs; i += hn::Lanes(tag)) {
    const PhiloxLanes words(stream, positions);
    hn::StoreU(to_unit(words.a, words.b), numbers, u.data() + i);
    hn::StoreU(to_unit(words.c, words.d), numbers, v.data() + i);
    positions = hn::Add(positions, hn::Set(tag, hn::Lanes(tag)));
  }
}

/// Natural logarithm of x in (0, 1); fdlibm e_log.c without its special cases.
inline double log_unit(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  // Exponent chosen so that the mantissa m lies in [sqrt(1/2), sqrt(2)).
  const std::uint64_t shifted = bits - 0x3fe6a09e667f3bcdU;
  const auto exponent = static_cast<std::int64_t>(shifted) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52U));
  // |exponent| < 2^51, so adding 1.5 * 2^52 in the bits converts it exactly and vectorises.
  const double k = std::bit_cast<double>(static_cast<std::uint64_t>(exponent) + 0x4338000000000000U) - 0x1.8p52;
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double t2 =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half_square = 0.5 * f * f;
  return k * 6.93147180369123816490e-01 -
         ((half_square - (s * (half_square + t1 + t2) + k * 1.90821492927058770002e-10)) - f);
}

struct SineCosine {
  double sine;
  double cosine;
};

/// sin and cos of 2 pi v for v in (0, 1); fdlibm k_sin.c and k_cos.c after an exact reduction to an eighth of the
/// circle.
inline SineCosine sine_cosine_of_turn(double v) {
  const double quarter = v * 4.0;
  const double quadrant = (quarter + 0x1.8p52) - 0x1.8p52;  // nearest whole number, 0..4
  const double x = (quarter - quadrant) * 1.57079632679489661923;
  const double z = x * x;
  const double s = x + x * z *
                           (-1.66666666666666324348e-01 +
                            z * (8.33333333332248946124e-03 +
                                 z * (-1.98412698298579493134e-04 +
                                      z * (2.75573137070700676789e-06 +
                                           z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
  const double c = 1.0 - 0.5 * z +
                   z * z *
                       (4.16666666666666019037e-02 +
                        z * (-1.38888888888741095749e-03 +
                             z * (2.48015872894767294178e-05 +
                                  z * (-2.75573143513906633035e-07 +
                                       z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
  const bool odd = quadrant == 1.0 || quadrant == 3.0;
  const double sine = odd ? c : s;
  const double cosine = odd ? s : c;
  const bool sine_negative = quadrant == 2.0 || quadrant == 3.0;
  const bool cosine_negative = quadrant == 1.0 || quadrant == 2.0;
  return {sine_negative ? -sine : sine, cosine_negative ? -cosine : cosine};
}

template <class MakePair>
void fill_pairs(const RandomStream& stream, std::span<double> out, std::uint64_t first, MakePair make_pair) {
  assert(first % 2 == 0);
  Block u;
  Block v;
  Block a;
  Block b;
  for (std::size_t done = 0; done < out.size(); done += 2 * block_pairs) {
    const std::size_t count = std::min(out.size() - done, 2 * block_pairs);
    const std::size_t pairs = (count + 1) / 2;
    make_uniforms(stream, (first + done) / 2, pairs, u, v);
    for (std::size_t i = 0; i < pairs; ++i) {
      make_pair(u[i], v[i], a[i], b[i]);
    }
    for (std::size_t i = 0; i < count / 2; ++i) {
      out[done + 2 * i] = a[i];
      out[done + 2 * i + 1] = b[i];
    }
    if (count % 2 == 1) {
      out[done + count - 1] = a[pairs - 1];
    }
  }
}

}  // namespace

void RandomStream::fill_normal(std::span<double> out, std::uint64_t first) const {
  fill_pairs(*this, out, first, [](double u, double v, double& a, double& b) {
    const double radius = std::sqrt(-2.0 * log_unit(u));
    const SineCosine angle = sine_cosine_of_turn(v);
    a = radius * angle.cosine;
    b = radius * angle.sine;
  });
}

void RandomStream::fill_uniform(std::span<double> out, std::uint64_t first) const {
  fill_pairs(*this, out, first, [](double u, double v, double& a, double& b) {
    a = u;
    b = v;
  });
}

}  // namespace fasweep
