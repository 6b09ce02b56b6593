#include "backend/cuda/input_counts.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "support/cuda_emulation.hpp"

namespace fasweep {
namespace {

/// Rows of `inputs` numbers each, all of weight 1 and without shift.
Dataset make_set(const std::vector<double>& raw, int inputs) {
  Dataset set;
  set.samples = static_cast<int>(raw.size()) / inputs;
  set.inputs = inputs;
  GrowingRows rows;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const auto j = static_cast<int>(i) % inputs;
    if (raw[i] != 0) {
      rows.add(j, raw[i]);
    }
    if (j + 1 == inputs) {
      rows.end_row();
    }
  }
  rows.move_to(set);
  set.scale = std::vector<double>(static_cast<std::size_t>(inputs), 1.0);
  set.shift = std::vector<double>(static_cast<std::size_t>(inputs), 0.0);
  return set;
}

TEST(InputCounts, WholeNumbersAreFound) {
  EXPECT_EQ(find_input_unit(make_set({0, 3, 255, 17}, 2)), 1);
  EXPECT_EQ(find_input_unit(make_set({-2048, 2047, 1, 0}, 2)), 1);
  EXPECT_EQ(find_input_unit(make_set({0, 6, 4, 2}, 2)), 2) << "the largest that all are multiples of";
  EXPECT_EQ(find_input_unit(make_set({0, 0.125, 1, 0}, 2)), 0.125);
}

TEST(InputCounts, MultiplesOfWhatNoNumberHoldsAreFoundToFloat32sAccuracy) {
  std::vector<double> raw;
  for (int pixel = 0; pixel < 256; ++pixel) {
    raw.push_back(pixel / 255.0);
  }
  const std::optional<double> unit = find_input_unit(make_set(raw, 8));
  ASSERT_TRUE(unit.has_value());
  EXPECT_NEAR(*unit, 1 / 255.0, 1e-15);
  raw[77] *= 1 + 1e-7;  // which float32 tells from it
  EXPECT_EQ(find_input_unit(make_set(raw, 8)), std::nullopt);
}

TEST(InputCounts, WhatElevenBitsDoNotHoldIsNotTaken) {
  EXPECT_EQ(find_input_unit(make_set({0, 1, 2049, 3}, 2)), std::nullopt);
  EXPECT_EQ(find_input_unit(make_set({0, 1, 2, std::sqrt(2.0)}, 2)), std::nullopt);
  EXPECT_EQ(find_input_unit(make_set({0, 0, 0, 0}, 2)), std::nullopt) << "nothing to multiply";
}

TEST(InputCounts, AShiftThatCancelsTheInputsIsNotTaken) {
  Dataset set = make_set({1000, 1001, 1002, 1003, 1001, 1000}, 1);
  EXPECT_EQ(find_input_unit(set), 1);
  set.shift = std::vector<double>{1001.2};
  EXPECT_EQ(find_input_unit(set), std::nullopt) << "float32 sums of 1000 lose three of seven digits of 1";
  set.shift = std::vector<double>{300};
  EXPECT_EQ(find_input_unit(set), 1);
}

TEST(InputCounts, HalvesAreThoseOfTheEmulation) {
  for (int count = -largest_count; count <= largest_count; ++count) {
    ASSERT_EQ(emulation::from_half(half_of_count(count)), static_cast<float>(count));
    ASSERT_EQ(half_of_count(count), count == 0 ? 0 : emulation::to_half(static_cast<float>(count)));
  }
}

}  // namespace
}  // namespace fasweep
