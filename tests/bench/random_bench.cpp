// Normal numbers of the initial state: the blocked, vectorised stream against a scalar loop over the same formula, one
// pair at a time. Question: what does making the initial state cost?   usage: random_bench [repetitions]
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <Random123/philox.h>

#include "model/random.hpp"
#include "util/stopwatch.hpp"

namespace {

/// Box-Muller on Philox with the C library's log, sin and cos, as one writes it first.
void fill_scalar(std::vector<double>& out) {
  for (std::size_t i = 0; i < out.size(); i += 2) {
    const r123::Philox4x32::ctr_type bits =
        r123::Philox4x32()({{static_cast<std::uint32_t>(i / 2), 0, 0, 0}}, {{0, 0}});
    const auto unit = [](std::uint32_t low, std::uint32_t high) {
      return static_cast<double>((static_cast<std::uint64_t>(high) << 32U | low) >> 11U) * 0x1p-53 + 0x1p-54;
    };
    const double radius = std::sqrt(-2 * std::log(unit(bits[0], bits[1])));
    const double angle = 6.283185307179586 * unit(bits[2], bits[3]);
    out[i] = radius * std::cos(angle);
    out[i + 1] = radius * std::sin(angle);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int repetitions = argc > 1 ? std::atoi(argv[1]) : 9;
  if (argc > 2 || repetitions < 1) {
    std::fprintf(stderr, "usage: random_bench [repetitions, at least 1]\n");
    return 2;
  }
  std::vector<double> values(1000000);
  std::vector<double> ratios;
  std::vector<double> scalar;
  std::vector<double> stream;
  for (int i = 0; i < repetitions; ++i) {
    const fasweep::Stopwatch first;
    fill_scalar(values);
    scalar.push_back(first.seconds());
    const fasweep::Stopwatch second;
    fasweep::RandomStream{0, 0, fasweep::Purpose::inputs}.fill_normal(values);
    stream.push_back(second.seconds());
    ratios.push_back(scalar.back() / stream.back());
  }
  for (std::vector<double>* times : {&scalar, &stream, &ratios}) {
    std::sort(times->begin(), times->end());
  }
  const auto middle = static_cast<std::size_t>(repetitions / 2);
  std::printf("10^6 normals: scalar loop %.2f ms, stream %.2f ms, ratio %.2f (%.2f to %.2f), median of %d\n",
              scalar[middle] * 1e3, stream[middle] * 1e3, ratios[middle], ratios.front(), ratios.back(), repetitions);
  return 0;
}
