#include "model/random.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <Random123/philox.h>
#include <gtest/gtest.h>

#include "model/philox.hpp"

namespace fasweep {
namespace {

static_assert(philox_multiplier_0 == PHILOX_M4x32_0 && philox_multiplier_1 == PHILOX_M4x32_1 &&
              philox_key_step_0 == PHILOX_W32_0 && philox_key_step_1 == PHILOX_W32_1);

TEST(Random, PiecesOfAStreamEqualTheWhole) {
  const RandomStream stream{3, 200, Purpose::feedback};
  std::vector<double> whole(2001);
  stream.fill_normal(whole);

  std::vector<double> pieces(2001);
  stream.fill_normal(std::span(pieces).subspan(0, 7 * 2));
  stream.fill_normal(std::span(pieces).subspan(14, 1000), 14);
  stream.fill_normal(std::span(pieces).subspan(1014), 1014);

  EXPECT_EQ(pieces, whole);
}

TEST(Random, EveryPartOfTheKeyMatters) {
  const RandomStream stream{3, 200, Purpose::feedback};
  std::vector<double> reference(4);
  stream.fill_normal(reference);
  for (const RandomStream& other : {RandomStream{4, 200, Purpose::feedback}, RandomStream{3, 201, Purpose::feedback},
                                    RandomStream{3, 200, Purpose::inputs}, RandomStream{3, 200, Purpose::feedback, 1},
                                    RandomStream{3 + (std::int64_t{1} << 40U), 200, Purpose::feedback}}) {
    std::vector<double> values(4);
    other.fill_normal(values);
    EXPECT_NE(values, reference);
  }
}

TEST(Random, OnePairAtATimeIsTheStreamOfUniforms) {
  const RandomStream stream{3 + (std::int64_t{1} << 40U), 200, Purpose::masks};
  const std::uint64_t first = (std::uint64_t{1} << 36U) + 4;
  std::vector<double> uniform(600);
  stream.fill_uniform(uniform, first);
  for (std::size_t i = 0; i < uniform.size(); i += 2) {
    const UniformPair pair = uniform_pair(static_cast<std::uint64_t>(stream.seed), 200,
                                          static_cast<std::uint32_t>(Purpose::masks), (first + i) / 2);
    EXPECT_EQ(pair.even, uniform[i]);
    EXPECT_EQ(pair.odd, uniform[i + 1]);
  }
}

/// Box and Muller with the C library's functions, straight from the Philox words: the oracle for the vectorised
/// version.
std::vector<double> plain_normals(const RandomStream& stream, std::size_t count) {
  const double two_pi = 2 * std::acos(-1.0);
  std::vector<double> values;
  for (std::uint32_t i = 0; values.size() < count; ++i) {
    const r123::Philox4x32::ctr_type words = r123::Philox4x32()(
        {{i, 0, static_cast<std::uint32_t>(stream.width), static_cast<std::uint32_t>(stream.purpose)}},
        {{static_cast<std::uint32_t>(stream.seed), 0}});
    const auto unit = [](std::uint64_t low, std::uint64_t high) {
      return static_cast<double>((high << 32U | low) >> 11U) * 0x1p-53 + 0x1p-54;
    };
    const double radius = std::sqrt(-2 * std::log(unit(words[0], words[1])));
    const double angle = two_pi * unit(words[2], words[3]);
    values.push_back(radius * std::cos(angle));
    values.push_back(radius * std::sin(angle));
  }
  return values;
}

TEST(Random, NormalsEqualBoxAndMullerOnPhiloxWords) {
  const RandomStream stream{12345, 800, Purpose::hidden_weight};
  std::vector<double> values(100000);
  stream.fill_normal(values);
  const std::vector<double> oracle = plain_normals(stream, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    // A few rounding errors of a radius up to about 5; 2 pi v is itself rounded in the oracle.
    ASSERT_NEAR(values[i], oracle[i], 1e-14) << i;
  }
}

TEST(Random, MomentsAndTailsAreNormal) {
  std::vector<double> values(1 << 20);
  RandomStream{1, 1, Purpose::inputs}.fill_normal(values);
  const auto n = static_cast<double>(values.size());
  double mean = 0;
  double square = 0;
  double fourth = 0;
  std::int64_t beyond_two = 0;
  for (const double v : values) {
    mean += v / n;
    square += v * v / n;
    fourth += v * v * v * v / n;
    beyond_two += std::abs(v) > 2 ? 1 : 0;
  }
  // Five standard errors: sqrt(var / n) with var 1, 2, 96 and q (1 - q).
  const double error = 5 / std::sqrt(n);
  EXPECT_NEAR(mean, 0, error);
  EXPECT_NEAR(square, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(fourth, 3, error * std::sqrt(96.0));
  const double q = std::erfc(std::sqrt(2.0));
  EXPECT_NEAR(static_cast<double>(beyond_two) / n, q, error * std::sqrt(q * (1 - q)));
}

TEST(Random, UniformsLieStrictlyInsideTheUnitInterval) {
  std::vector<double> values(1 << 16);
  RandomStream{1, 1, Purpose::masks}.fill_uniform(values);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  EXPECT_GT(*low, 0);
  EXPECT_LT(*high, 1);
  EXPECT_LT(*low, 1e-3);
  EXPECT_GT(*high, 1 - 1e-3);
}

}  // namespace
}  // namespace fasweep
