// A data set as large and as sparse as a tenth of MNIST, for programs that measure training steps.
#pragma once

#include <utility>
#include <vector>

#include "model/dataset.hpp"
#include "model/random.hpp"

namespace fasweep::bench {

inline constexpr int image_inputs = 784;
inline constexpr int image_classes = 10;
inline constexpr int images = 6000;

/// Uniform grey values at random places, `density` of an image, normalised with the mean and deviation of MNIST's
/// pixels.
[[nodiscard]] inline Dataset make_images(double density) {
  constexpr double mnist_mean = 0.1307;
  constexpr double mnist_deviation = 0.3081;
  Dataset set;
  set.samples = images;
  set.inputs = image_inputs;
  set.outputs = image_classes;
  set.is_classes = true;
  set.scale = std::vector<double>(image_inputs, 1 / mnist_deviation);
  set.shift = std::vector<double>(image_inputs, mnist_mean / mnist_deviation);
  GrowingRows rows;
  std::vector<double> y;
  std::vector<double> uniform(2 * image_inputs);
  for (int i = 0; i < images; ++i) {
    RandomStream{i, 1, Purpose::inputs}.fill_uniform(uniform);
    for (int j = 0; j < image_inputs; ++j) {
      if (uniform[static_cast<std::size_t>(2 * j)] < density) {
        rows.add(j, uniform[static_cast<std::size_t>(2 * j + 1)]);
      }
    }
    rows.end_row();
    for (int c = 0; c < image_classes; ++c) {
      y.push_back(c == i % image_classes ? 1 : 0);
    }
  }
  rows.move_to(set);
  set.y = std::move(y);
  return set;
}

}  // namespace fasweep::bench
