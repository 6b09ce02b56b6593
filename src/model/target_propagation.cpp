#include "model/target_propagation.hpp"

#include <cstddef>

#include "model/random.hpp"

namespace fasweep {

std::vector<double> noise_of_inverse(const Problem& problem, const TrainingSettings& training, int layer,
                                     std::int64_t step, int samples) {
  const auto width = static_cast<std::uint64_t>(problem.width);
  const int most = training.batch_size > 0 ? training.batch_size : problem.samples;  // of a step
  const std::uint64_t stride =
      (static_cast<std::uint64_t>(most) * width + 1) / 2 * 2;  // streams are read at even places
  std::vector<double> noise(static_cast<std::size_t>(samples) * width);
  RandomStream{problem.seed, problem.width, Purpose::inverse_noise, layer - 1}.fill_normal(
      noise, static_cast<std::uint64_t>(step) * stride);
  return noise;
}

}  // namespace fasweep
