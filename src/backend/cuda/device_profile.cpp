#include "backend/cuda/device_profile.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "model/activation/list.hpp"

namespace fasweep {
namespace {

/// Multiply-adds that the time of a step is taken to grow with.
double work(Solver solver, const StepShape& shape) {
  const double n = shape.samples;
  const double p = shape.width;
  return solver == Solver::sample_space ? n * n * p : n * p * (static_cast<double>(shape.inputs) + shape.outputs);
}

bool have_same_samples(Solver solver, const StepShape& a, const StepShape& b) {
  return a.samples == b.samples && (solver == Solver::sample_space || (a.inputs == b.inputs && a.outputs == b.outputs));
}

/// By the rates of one activation, which are not empty: of the next narrower and the next wider network, a piece of a
/// power law between them.
StepForecast interpolate(const std::vector<const MeasuredRate*>& rates, const StepShape& shape) {
  const MeasuredRate* below = nullptr;
  const MeasuredRate* above = nullptr;
  for (const MeasuredRate* rate : rates) {
    const int width = rate->shape.width;
    if (width <= shape.width && (below == nullptr || width > below->shape.width)) {
      below = rate;
    }
    if (width >= shape.width && (above == nullptr || width < above->shape.width)) {
      above = rate;
    }
  }
  const bool is_between = below != nullptr && above != nullptr;
  below = below == nullptr ? above : below;
  above = above == nullptr ? below : above;
  const auto each = [](const MeasuredRate& rate) { return rate.seconds / work(rate.solver, rate.shape); };
  const double span = std::log(static_cast<double>(above->shape.width) / below->shape.width);
  const double at = span > 0 ? std::log(static_cast<double>(shape.width) / below->shape.width) / span : 0;
  const double seconds_each = std::exp((1 - at) * std::log(each(*below)) + at * std::log(each(*above)));
  return {seconds_each * work(below->solver, shape), is_between &&
                                                         have_same_samples(below->solver, below->shape, shape) &&
                                                         have_same_samples(above->solver, above->shape, shape)};
}

}  // namespace

StepShape step_shape(const DataSettings& data, const TrainingSettings& training, int width) {
  const int batch = training.batch_size > 0 ? std::min(training.batch_size, data.samples) : data.samples;
  return {batch, width, data.inputs, data.outputs};
}

DeviceProfile h100_profile() {
  const int relu = Activations::index_of<Relu>();
  const int tanh = Activations::index_of<Tanh>();
  constexpr Solver in_samples = Solver::sample_space;
  DeviceProfile h100{"H100", 227 << 10, {}};
  for (const auto& [activation, width, us] : {std::tuple{relu, 200, 0.025},
                                              {relu, 800, 0.067},
                                              {relu, 3200, 0.33},
                                              {relu, 12800, 1.4},
                                              {tanh, 200, 0.045},
                                              {tanh, 3200, 0.66},
                                              {tanh, 12800, 2.9}}) {
    h100.rates.push_back({in_samples, activation, {50, width, 0, 1}, us * 1e-6});
  }
  h100.rates.push_back({Solver::weight_space, relu, {600, 1000, 784, 10}, 22.3e-6});
  return h100;
}

std::optional<StepForecast> forecast_step(const DeviceProfile& device, Solver solver, int activation,
                                          const StepShape& shape) {
  std::optional<StepForecast> slowest;
  for (int measured = 0; measured < Activations::size; ++measured) {
    std::vector<const MeasuredRate*> rates;
    for (const MeasuredRate& rate : device.rates) {
      if (rate.solver == solver && rate.activation == measured) {
        rates.push_back(&rate);
      }
    }
    if (rates.empty()) {
      continue;
    }
    StepForecast forecast = interpolate(rates, shape);
    if (measured == activation) {
      return forecast;
    }
    forecast.is_measured = false;
    slowest = !slowest || forecast.seconds > slowest->seconds ? forecast : slowest;
  }
  return slowest;
}

}  // namespace fasweep
