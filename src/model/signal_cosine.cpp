#include "model/signal_cosine.hpp"

#include <cmath>
#include <vector>

#include "model/observation.hpp"

namespace fasweep {
namespace {

/// e^T gram e.
double form(std::span<const double> gram, std::span<const double> e) {
  double sum = 0;
  for (std::size_t i = 0; i < e.size(); ++i) {
    double row = 0;
    for (std::size_t j = 0; j < e.size(); ++j) {
      row += gram[i * e.size() + j] * e[j];
    }
    sum += e[i] * row;
  }
  return sum;
}

double cosine_of(const SignalGrams& grams, std::span<const double> e) {
  const double output_square = form(grams.output, e);
  const double feedback_square = form(grams.feedback, e);
  if (!(std::min(output_square, feedback_square) > least_signal_square)) {
    return not_a_number;
  }
  return cosine(form(grams.mixed, e), output_square, feedback_square);
}

}  // namespace

void observe_signals(const SignalGrams& grams, std::span<const double> errors, Observation& o) {
  const auto outputs = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(grams.output.size()))));
  std::vector<double> total(outputs, 0.0);
  std::vector<double> cosines;
  double sum = 0;
  for (std::size_t first = 0; first < errors.size(); first += outputs) {
    const std::span<const double> e = errors.subspan(first, outputs);
    for (std::size_t c = 0; c < outputs; ++c) {
      total[c] += e[c];
    }
    if (const double value = cosine_of(grams, e); !std::isnan(value)) {
      cosines.push_back(value);
      sum += value;
    }
  }
  if (!cosines.empty()) {
    const auto count = static_cast<double>(cosines.size());
    o.signal_cosine = sum / count;
    double square = 0;
    for (const double value : cosines) {
      square += (value - o.signal_cosine) * (value - o.signal_cosine);
    }
    o.signal_deviation = std::sqrt(square / count);
  }
  if (outputs > 1) {  // solvers that see the norm of all errors alone cannot tell samples apart
    const std::size_t samples = errors.size() / outputs;
    o.without_signal = static_cast<double>(samples - cosines.size());
  }
  o.batch_signal_cosine = cosine_of(grams, total);
}

}  // namespace fasweep
