#include "model/mirror.hpp"

#include <cstddef>

#include "model/random.hpp"

namespace fasweep {

std::vector<double> noise_of_step(const Problem& problem, const TrainingSettings& training, int layer,
                                  std::int64_t step) {
  std::vector<double> noise(static_cast<std::size_t>(training.mirror_samples) *
                            static_cast<std::size_t>(problem.width));
  const std::uint64_t stride = (noise.size() + 1) / 2 * 2;  // streams are read at even positions
  RandomStream{problem.seed, problem.width, Purpose::mirror_noise, layer - 1}.fill_normal(
      noise, static_cast<std::uint64_t>(step) * stride);
  return noise;
}

}  // namespace fasweep
