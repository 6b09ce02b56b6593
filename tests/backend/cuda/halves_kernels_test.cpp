// The kernels and products of 16-bit factors one by one, against float64 and against the float32 kernels, at scales
// that 16 bits alone do not reach.
#include "backend/cuda/device.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "backend/cuda/device_case.hpp"
#include "model/activation/list.hpp"
#include "model/random.hpp"
#include "support/cuda_emulation.hpp"

namespace fasweep {
namespace {

std::vector<float> normals(Purpose purpose, std::size_t count, double size = 1) {
  std::vector<double> values(count);
  RandomStream{3, 1, purpose}.fill_normal(values);
  std::vector<float> single(count);
  std::transform(values.begin(), values.end(), single.begin(),
                 [size](double value) { return static_cast<float>(size * value); });
  return single;
}

/// One run of ReLU units as the kernels see it, its memory included.
class OneRun {
 public:
  static constexpr int inputs = 37;  // odd, and not of 8
  static constexpr int width = 70;   // more than a block's units, not of 8
  static constexpr int outputs = 3;
  static constexpr int samples = 13;

  OneRun() {
    batch_.inputs = inputs;
    batch_.width = width;
    batch_.outputs = outputs;
    batch_.slots = 1;
    batch_.most_samples = samples;
    batch_.batch_samples = samples;
    batch_.output_scale = 1;
    batch_.padded_inputs = padded_halves(inputs);
    batch_.padded_width = padded_halves(width);
    const auto numbers = [this](std::size_t count) { return keep(floats_, std::vector<float>(count)); };
    batch_.hidden_weight = numbers(width * inputs);
    batch_.hidden = numbers(samples * width);
    batch_.seen = batch_.hidden;
    batch_.signal = numbers(samples * width);
    batch_.error = numbers(samples * outputs);
    batch_.error_size = numbers(samples);
    batch_.hidden_factor = numbers(width);
    batch_.hidden_start = numbers(width);
    batch_.signal_factor = numbers(width);
    batch_.signal_sum = numbers(width);
    batch_.hidden_gradient = numbers(width * inputs);
    batch_.output_weight = numbers(width * outputs);
    const auto pairs = [this](std::size_t count) { return keep(pairs_, std::vector<HalfPair>(count)); };
    batch_.hidden_halves = pairs(width * batch_.padded_inputs);
    batch_.signal_halves = pairs(samples * batch_.padded_width);
    batch_.gathered_counts = pairs(samples * batch_.padded_inputs);
    batch_.feedback = keep(floats_, normals(Purpose::feedback, width * outputs));
    parameters_.upload(std::vector<WeightRunParameters>{{1e-2F, 0, 0}}, stream_);
    batch_.parameters = parameters_.data();
    active_.upload(std::vector<int>{0}, stream_);
    batch_.active = active_.data();
    steps_.upload(std::vector<std::int64_t>{0, 1}, stream_);
    batch_.first_step = steps_.data();
    batch_.limits = steps_.data() + 1;
    pass_.samples = samples;
    set_pixels();
  }

  std::vector<float> weights = normals(Purpose::hidden_weight, width* inputs);
  std::vector<float> hidden = normals(Purpose::inputs, samples* width);  // ReLU lets every second pass
  std::vector<float> error = normals(Purpose::label_noise, samples* outputs);
  std::vector<int> counts;  // samples x inputs
  std::vector<float> scale = std::vector<float>(inputs, 1);
  std::vector<float> shift = std::vector<float>(inputs, 0);

  /// Z as activate() sees it.
  [[nodiscard]] std::vector<double> multiply() {
    upload();
    queue_split_hidden(batch_, 0, 1, stream_);
    queue_gather_counts(batch_, pass_, 0, 1, stream_);
    const int depth = 2 * batch_.padded_inputs;
    products_.queue(HalfProduct{.op_a = ProductOp::transposed,
                                .rows = width,
                                .columns = samples,
                                .depth = depth,
                                .a = batch_.hidden_halves,
                                .ld_a = depth,
                                .b = batch_.gathered_counts,
                                .ld_b = depth,
                                .c = batch_.hidden,
                                .ld_c = width});
    std::vector<double> z(samples * width);
    for (std::size_t i = 0; i < z.size(); ++i) {
      z[i] = std::fma(batch_.hidden[i], batch_.hidden_factor[i % width], batch_.hidden_start[i % width]);
    }
    return z;
  }

  /// The signals of the float32 kernel, and what the halves hold of them. samples x width.
  [[nodiscard]] std::pair<std::vector<float>, std::vector<double>> make_signals() {
    upload();
    const int relu = Activations::index_of<Relu>();
    queue_signal(relu, batch_, pass_, {}, 1, stream_);
    queue_split_signal(relu, batch_, pass_, {}, 1, stream_);
    std::vector<double> held;
    for (int sample = 0; sample < samples; ++sample) {
      for (int unit = 0; unit < width; ++unit) {
        const int high = sample * 2 * batch_.padded_width + unit;
        held.push_back((half_at(high) + half_at(high + batch_.padded_width)) * batch_.signal_factor[unit]);
      }
    }
    return {{batch_.signal, batch_.signal + samples * width}, held};
  }

  [[nodiscard]] const WeightSpaceBatch& batch() const { return batch_; }

 private:
  template <class T>
  T* keep(std::vector<std::unique_ptr<DeviceBuffer<T>>>& kept, const std::vector<T>& values) {
    kept.push_back(std::make_unique<DeviceBuffer<T>>(values.size()));
    kept.back()->upload(values, stream_);
    return kept.back()->data();
  }
  void set_pixels() {
    for (int i = 0; i < samples * inputs; ++i) {
      counts.push_back(i % 3 == 0 ? i * 7 % 256 : 0);
    }
  }
  [[nodiscard]] double half_at(int i) const {
    return emulation::from_half(static_cast<std::uint16_t>(batch_.signal_halves[i / 2] >> (i % 2 == 0 ? 0U : 16U)));
  }
  void upload() {
    std::copy(weights.begin(), weights.end(), batch_.hidden_weight);
    std::copy(hidden.begin(), hidden.end(), batch_.hidden);
    std::copy(error.begin(), error.end(), batch_.error);
    for (int sample = 0; sample < samples; ++sample) {
      float size = 0;
      for (int c = 0; c < outputs; ++c) {
        size = std::max(size, std::abs(error[static_cast<std::size_t>(sample * outputs + c)]));
      }
      batch_.error_size[sample] = size;
    }
    std::vector<HalfPair> pairs(static_cast<std::size_t>(samples * batch_.padded_inputs / 2));
    for (int i = 0; i < samples * inputs; ++i) {
      const int at = i / inputs * batch_.padded_inputs + i % inputs;
      const HalfPair half = emulation::to_half(static_cast<float>(counts[static_cast<std::size_t>(i)]));
      pairs[static_cast<std::size_t>(at / 2)] |= half << (at % 2 == 0 ? 0U : 16U);
    }
    batch_.counts_of = keep(pairs_, pairs);
    batch_.input_scale = keep(floats_, scale);
    batch_.input_shift = keep(floats_, shift);
  }

  Stream stream_;
  Products products_{stream_};
  WeightSpaceBatch batch_;
  SamplePass pass_;
  DeviceBuffer<WeightRunParameters> parameters_{1};
  DeviceBuffer<int> active_{1};
  DeviceBuffer<std::int64_t> steps_{2};
  std::vector<std::unique_ptr<DeviceBuffer<float>>> floats_;
  std::vector<std::unique_ptr<DeviceBuffer<HalfPair>>> pairs_;
};

/// Root of the mean square error of Z, of that of Z; and the worst, of the largest term of its own sum.
struct ErrorOfZ {
  double typical = 0;
  double worst = 0;
};
ErrorOfZ error_of_z(OneRun& run) {
  const std::vector<double> z = run.multiply();
  double squares = 0;
  double size = 0;
  ErrorOfZ error;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const std::size_t sample = i / OneRun::width;
    const std::size_t unit = i % OneRun::width;
    double exact = 0;
    double largest = 0;
    for (std::size_t j = 0; j < OneRun::inputs; ++j) {
      const double x = double{run.scale[j]} * run.counts[sample * OneRun::inputs + j] - run.shift[j];
      const double w = run.weights[unit * OneRun::inputs + j];
      exact += w * x;
      largest = std::max({largest, std::abs(w * x), std::abs(w * run.shift[j])});
    }
    squares += (z[i] - exact) * (z[i] - exact);
    size += exact * exact;
    error.worst = std::max(error.worst, std::abs(z[i] - exact) / std::max(largest, 1e-300));
  }
  error.typical = std::sqrt(squares / size);
  return error;
}

// 22 bits of each weight are kept, 2^-23 of it in the mean, and float32 adds up some dozen terms; at worst each of them
// rounds a sum of several terms' size.
constexpr double typical_error = 2e-7;
constexpr double worst_error = 2e-6;

TEST(HalvesKernels, ZIsExactToFloat32) {
  OneRun run;
  EXPECT_LT(error_of_z(run).typical, typical_error);
  EXPECT_LT(error_of_z(run).worst, worst_error);
}

TEST(HalvesKernels, ZIsExactToFloat32WithScalesAndShifts) {
  OneRun run;
  for (std::size_t j = 0; j < run.scale.size(); ++j) {
    run.scale[j] = j % 4 == 0 ? 3.0F : 1.0F / 74;
    run.shift[j] = 0.1F * static_cast<float>(j % 5);
  }
  EXPECT_LT(error_of_z(run).typical, typical_error);
  EXPECT_LT(error_of_z(run).worst, worst_error);
}

TEST(HalvesKernels, ZIsExactToFloat32AtAnyScaleOfAUnit) {
  for (const double size : {1e-36, 1e-20, 1e-6, 1.0, 1e5, 1e20, 1e34}) {
    SCOPED_TRACE(size);
    OneRun run;
    for (float& w : run.weights) {
      w = static_cast<float>(size * w);
    }
    EXPECT_LT(error_of_z(run).typical, typical_error);
    EXPECT_LT(error_of_z(run).worst, worst_error);
  }
}

TEST(HalvesKernels, SmallWeightsBesideLargeOnesLoseNothingThatTheirSumSees) {
  OneRun run;
  for (std::size_t i = 0; i < run.weights.size(); ++i) {
    run.weights[i] *= static_cast<float>(std::pow(10.0, -static_cast<double>(i % 9)));
  }
  EXPECT_LT(error_of_z(run).worst, worst_error) << "of the largest term of each sum";
  for (std::size_t i = 0; i < run.weights.size(); ++i) {
    run.weights[i] = i % OneRun::inputs == 1 ? 1e30F : 1.0F;  // meets a pixel of 0 in some samples
  }
  std::vector<double> z = run.multiply();
  EXPECT_NEAR(z[0],
              std::accumulate(run.counts.begin(), run.counts.begin() + OneRun::inputs, 0.0) - run.counts[1] +
                  (run.counts[1] == 0 ? 0 : 1e30 * run.counts[1]),
              run.counts[1] == 0 ? 0x1p-40 * 1e30 * OneRun::inputs * 255 : 1e26);
}

TEST(HalvesKernels, WeightsThatAreNotFiniteMakeTheirOwnUnitsSoAndNoOther) {
  OneRun run;
  run.weights[2 * OneRun::inputs] = INFINITY;
  run.weights[3 * OneRun::inputs + 1] = NAN;
  const std::vector<double> z = run.multiply();
  for (std::size_t i = 0; i < z.size(); ++i) {
    EXPECT_EQ(std::isfinite(z[i]), i % OneRun::width != 2 && i % OneRun::width != 3) << i;
  }
}

/// The largest loss of a signal's halves, of the largest signal of its unit, and of itself where that is not small.
void expect_signals_kept(OneRun& run) {
  const auto [signals, held] = run.make_signals();
  for (std::size_t unit = 0; unit < OneRun::width; ++unit) {
    double largest = 0;
    double sum = 0;
    for (std::size_t i = unit; i < signals.size(); i += OneRun::width) {
      largest = std::max(largest, std::abs(double{signals[i]}));
      sum += signals[i];
    }
    for (std::size_t i = unit; i < signals.size(); i += OneRun::width) {
      // Two halves of 11 bits; beside the largest of a unit, what a bound above it by up to 2^12 leaves of 2^-40.
      EXPECT_NEAR(held[i], signals[i], 0x1p-22 * std::abs(signals[i]) + 0x1p-28 * largest)
          << "unit " << unit << ", sample " << i / OneRun::width;
    }
    EXPECT_NEAR(run.batch().signal_sum[unit], sum, 1e-6 * OneRun::samples * largest);
  }
}

TEST(HalvesKernels, SignalsAreKept) {
  OneRun run;
  expect_signals_kept(run);
}

TEST(HalvesKernels, SignalsOfAnyScaleAreKept) {
  for (const double size : {1e-33, 1e-20, 1e-9, 1e9, 1e20, 1e34}) {
    SCOPED_TRACE(size);
    OneRun run;
    for (float& e : run.error) {
      e = static_cast<float>(size * e);
    }
    expect_signals_kept(run);
  }
}

TEST(HalvesKernels, AUnitThatSeesSmallErrorsAloneKeepsThem) {
  OneRun run;
  // Every third unit is silent but in the last sample, whose errors are 1e-9 of the others'.
  for (std::size_t i = 0; i < run.hidden.size(); ++i) {
    const bool is_last = i / OneRun::width + 1 == OneRun::samples;
    run.hidden[i] = i % OneRun::width % 3 == 0 ? (is_last ? 1.0F : 0.0F) : run.hidden[i];
  }
  for (std::size_t c = 0; c < OneRun::outputs; ++c) {
    run.error[(OneRun::samples - 1) * OneRun::outputs + c] *= 1e-9F;
  }
  expect_signals_kept(run);
}

TEST(HalvesKernels, ErrorsThatAreNotFiniteStaySo) {
  OneRun run;
  run.error[0] = INFINITY;
  run.hidden.assign(run.hidden.size(), 1.0F);
  const auto [signals, held] = run.make_signals();
  for (std::size_t unit = 0; unit < OneRun::width; ++unit) {
    EXPECT_FALSE(std::isfinite(held[unit])) << unit;
  }
}

}  // namespace
}  // namespace fasweep
