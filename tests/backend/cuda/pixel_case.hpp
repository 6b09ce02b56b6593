// A small classification of pixels: whole numbers, most of them 0, with a scale and a shift for each input.
#pragma once

#include <cmath>
#include <utility>
#include <vector>

#include "backend/cuda/network_case.hpp"

namespace fasweep::testing {

/// The classes of `teacher` told from pixels: its inputs, rounded to whole numbers of at most 255.
struct PixelSet {
  Dataset set;
  Problem problem;

  /// unit: of the raw inputs.
  explicit PixelSet(const Problem& teacher, double unit = 1) : problem(teacher) {
    set.samples = teacher.samples;
    set.test_samples = teacher.test_samples;
    set.inputs = teacher.inputs;
    set.outputs = teacher.outputs;
    set.is_classes = true;
    set.y = teacher.y;
    std::vector<double> scale;
    std::vector<double> shift;
    for (int j = 0; j < teacher.inputs; ++j) {
      scale.push_back((1 + j % 5) / (300 * unit));
      shift.push_back(0.1 * (j % 3));
    }
    GrowingRows rows;
    for (std::size_t i = 0; i < teacher.x.size(); ++i) {
      const auto j = static_cast<int>(i) % teacher.inputs;
      const double pixel = std::round(std::clamp(255 * std::sqrt(teacher.inputs / 6.0) * teacher.x[i], -255.0, 255.0));
      if (std::abs(pixel) > 100) {
        rows.add(j, pixel * unit);
      }
      if (j + 1 == teacher.inputs) {
        rows.end_row();
      }
    }
    rows.move_to(set);
    set.scale = std::move(scale);
    set.shift = std::move(shift);
    problem.x.clear();
    problem.y.clear();
    problem.dataset = &set;
  }
  PixelSet(const PixelSet&) = delete;
  PixelSet& operator=(const PixelSet&) = delete;
};

}  // namespace fasweep::testing
