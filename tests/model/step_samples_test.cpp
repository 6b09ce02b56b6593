#include "model/step_samples.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "model/dataset.hpp"
#include "model/philox.hpp"
#include "model/random.hpp"

namespace fasweep {
namespace {

TEST(StepSamples, SharesOfTheLossAddUp) {
  EXPECT_EQ(loss_share(Reduction::sum, 7), 1);
  EXPECT_EQ(7 * loss_share(Reduction::mean, 7), 1);
}

TEST(StepSamples, OutputScaleIsOneOrOneOverTheRootOfTheWidth) {
  EXPECT_EQ(output_scale(OutputScale::one, 16), 1);
  EXPECT_EQ(output_scale(OutputScale::root_width, 16), 0.25);
}

TEST(StepSamples, OnlyAFullBatchWithoutDropoutSeesTheSetWhole) {
  DataSettings data;
  TrainingSettings training;
  EXPECT_TRUE(sees_training_set_whole(training, data));
  training.dropout = 0.1;
  EXPECT_FALSE(sees_training_set_whole(training, data));
  training.dropout = 0;
  training.batch_size = 7;
  EXPECT_FALSE(sees_training_set_whole(training, data));
}

TEST(StepSamples, AccuracyIsOfClasses) {
  EXPECT_EQ(accuracy(Targets::classes, 3, 4), 0.75);
  EXPECT_TRUE(std::isnan(accuracy(Targets::numbers, 3, 4)));
}

TEST(StepSamples, MaskPairsAreThoseOfTheStream) {
  constexpr int width = 5;
  std::vector<double> uniform(width + 1);
  const std::uint64_t pair = first_mask_pair(3, 10, 4, width);
  RandomStream{9, width, Purpose::masks}.fill_uniform(uniform, 2 * pair);
  for (std::uint64_t k = 0; k < 3; ++k) {
    const UniformPair ours = uniform_pair(9, width, static_cast<std::uint32_t>(Purpose::masks), pair + k);
    EXPECT_EQ(ours.even, uniform[2 * k]);
    EXPECT_EQ(ours.odd, uniform[2 * k + 1]);
  }
  EXPECT_EQ(first_mask_pair(3, 10, 5, width), pair + 3) << "the next sample's come after all pairs of this one";
}

TEST(StepSamples, MasksKeepTheMean) {
  EXPECT_EQ(mask_factor<float>(0.1, 0.2), 0);
  EXPECT_EQ(mask_factor<double>(0.3, 0.2), 1 / (1 - 0.2));
}

TEST(Dataset, RowsExpandNormalized) {
  Dataset data;
  data.samples = 1;
  data.inputs = 3;
  data.row_begin = std::vector<std::int64_t>{0, 1};
  data.column = std::vector<std::int32_t>{1};
  data.raw = std::vector<double>{4};
  data.scale = std::vector<double>{1, 0.5, 1};
  data.shift = std::vector<double>{0.25, 1, -1};
  std::vector<float> row(3);

  data.expand_row(0, row.data());

  EXPECT_EQ(row, (std::vector<float>{-0.25F, 1, 1}));
}

}  // namespace
}  // namespace fasweep
