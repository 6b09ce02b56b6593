// Compiled with -ffp-contract=off (src/CMakeLists.txt): a fused multiply-add would change the bits between machines.
#include "model/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>

#include <Random123/philox.h>

#include "model/philox.hpp"

namespace fasweep {
namespace {

// Pairs are made in blocks of this many, each stage a loop over plain arrays, so that the compiler vectorises every
// stage.
constexpr std::size_t block_pairs = 256;
using Block = std::array<double, block_pairs>;

static_assert(philox_multiplier_0 == PHILOX_M4x32_0 && philox_multiplier_1 == PHILOX_M4x32_1 &&
              philox_key_step_0 == PHILOX_W32_0 && philox_key_step_1 == PHILOX_W32_1);

/// The bits of up to block_pairs consecutive positions; random_test.cpp holds them to Random123's.
struct PhiloxBlock {
  using Lane = std::array<std::uint32_t, block_pairs>;
  Lane lanes[4];

  PhiloxBlock(const RandomStream& stream, std::uint64_t first_pair, std::size_t pairs) {
    for (std::size_t i = 0; i < pairs; ++i) {
      const PhiloxWords words =
          philox(static_cast<std::uint64_t>(stream.seed), static_cast<std::uint32_t>(stream.width),
                 static_cast<std::uint32_t>(stream.purpose), first_pair + i);
      lanes[0][i] = words.a;
      lanes[1][i] = words.b;
      lanes[2][i] = words.c;
      lanes[3][i] = words.d;
    }
  }
};

/// to_unit() so that it vectorises: a whole number below 2^52 laid into the fraction bits of 2^52 converts exactly, the
/// 53rd bit is added apart.
inline double to_unit_by_bits(std::uint32_t low, std::uint32_t high) {
  const std::uint64_t bits = (std::uint64_t{high} << 32U | low) >> 11U;
  const double upper = std::bit_cast<double>(bits >> 1U | 0x4330000000000000U) - 0x1p52;
  const double last = std::bit_cast<double>((bits & 1U) | 0x4330000000000000U) - 0x1p52;
  return (2.0 * upper + last) * 0x1p-53 + 0x1p-54;
}

/// Uniforms u and v of the pairs first_pair, first_pair + 1, ...
void make_uniforms(const RandomStream& stream, std::uint64_t first_pair, std::size_t pairs, Block& u, Block& v) {
  const PhiloxBlock block(stream, first_pair, pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    u[i] = to_unit_by_bits(block.lanes[0][i], block.lanes[1][i]);
    v[i] = to_unit_by_bits(block.lanes[2][i], block.lanes[3][i]);
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
