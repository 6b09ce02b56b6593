#include "data/assemble.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"

namespace fasweep {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::refusal;

constexpr double rounding = 1e-12;  // of sums of a few numbers of size 1 in float64, with room

Samples<double> table(std::int64_t inputs, std::vector<double> x, std::vector<double> y) {
  const auto rows = static_cast<std::int64_t>(x.size()) / inputs;
  const std::int64_t targets = rows == 0 ? 1 : static_cast<std::int64_t>(y.size()) / rows;
  return {rows, inputs, targets, std::move(x), std::move(y), "table"};
}

DataSettings settings(Targets targets, Normalize normalize = Normalize::none) {
  DataSettings data;
  data.source = DataSource::csv;
  data.samples = data.inputs = data.outputs = data.test_samples = as_in_data;
  data.targets = targets;
  data.normalize = normalize;
  return data;
}

const Samples<double> train = table(3, {0, 5, 1, 2, 5, 0, 4, 5, 2}, {0, 2, 1});
const Samples<double> test = table(3, {8, 6, 0}, {2});

/// Input j of row i as the model sees it, by the definition in model/dataset.hpp.
std::vector<double> row(const Dataset& dataset, std::size_t i) {
  std::vector<double> values(dataset.shift.size());
  for (auto at = static_cast<std::size_t>(dataset.row_begin[i]);
       at < static_cast<std::size_t>(dataset.row_begin[i + 1]); ++at) {
    const auto j = static_cast<std::size_t>(dataset.column[at]);
    values[j] = dataset.raw[at] * dataset.scale[j];
  }
  for (std::size_t j = 0; j < values.size(); ++j) {
    values[j] -= dataset.shift[j];
  }
  return values;
}

TEST(Assemble, RowsAreTrainingThenTestSamplesWithoutZeros) {
  const Dataset dataset = assemble(settings(Targets::numbers), train, test, {});

  EXPECT_EQ(dataset.samples, 3);
  EXPECT_EQ(dataset.test_samples, 1);
  EXPECT_THAT(dataset.row_begin, ElementsAre(0, 2, 4, 7, 9));
  EXPECT_THAT(dataset.column, ElementsAre(1, 2, 0, 1, 0, 1, 2, 0, 1));
  EXPECT_THAT(dataset.raw, ElementsAre(5, 1, 2, 5, 4, 5, 2, 8, 6));
  EXPECT_THAT(row(dataset, 3), ElementsAre(8, 6, 0));
  EXPECT_THAT(dataset.y, ElementsAre(0, 2, 1, 2));
}

TEST(Assemble, ClassesBecomeOneHot) {
  const Dataset dataset = assemble(settings(Targets::classes), train, test, {});

  EXPECT_EQ(dataset.outputs, 3);
  EXPECT_THAT(dataset.y, ElementsAre(1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1));
}

TEST(Assemble, FirstSamplesAreTakenWhenFewerAreAskedFor) {
  DataSettings fewer = settings(Targets::classes);
  fewer.samples = 2;
  fewer.test_samples = 0;

  const Dataset dataset = assemble(fewer, train, test, {});

  EXPECT_THAT(dataset.row_begin, ElementsAre(0, 2, 4));
  EXPECT_EQ(dataset.y.size(), 2U * 3U);
}

/// Mean and standard deviation of an input over the training rows.
std::pair<double, double> moments(const Dataset& dataset, std::size_t j) {
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(dataset.samples); ++i) {
    const double value = row(dataset, i)[j];
    sum += value;
    squares += value * value;
  }
  const double mean = sum / dataset.samples;
  return {mean, std::sqrt(squares / dataset.samples - mean * mean)};
}

TEST(Assemble, EachInputIsNormalisedOverTheTrainingSamplesAlone) {
  const Dataset dataset = assemble(settings(Targets::numbers, Normalize::per_input), train, test, {});

  for (const std::size_t j : {0U, 2U}) {
    EXPECT_NEAR(moments(dataset, j).first, 0, rounding);
    EXPECT_NEAR(moments(dataset, j).second, 1, rounding);
  }
}

TEST(Assemble, ConstantInputsBecomeZeroUnderPerInputNormalisation) {
  // 0.1 has no exact sum: a deviation of rounding errors would blow it up.
  const Samples<double> constant = table(2, {0.1, 0, 0.1, 0, 0.1, 0}, {0, 1, 2});
  const Samples<double> other = table(2, {0.3, 7}, {0});

  const Dataset dataset = assemble(settings(Targets::numbers, Normalize::per_input), constant, other, {});

  EXPECT_THAT(row(dataset, 0), ElementsAre(0, 0));
  EXPECT_THAT(row(dataset, 2), ElementsAre(0, 0));
  EXPECT_THAT(row(dataset, 3), ElementsAre(DoubleNear(0.2, rounding), 7));
}

TEST(Assemble, AllInputsTogetherAreNormalisedByOneMeanAndDeviation) {
  const Dataset dataset = assemble(settings(Targets::numbers, Normalize::global), train, test, {});

  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (const double value : row(dataset, i)) {
      sum += value;
      squares += value * value;
    }
  }
  EXPECT_NEAR(sum, 0, rounding);
  EXPECT_NEAR(squares, 9, rounding);
  EXPECT_EQ(dataset.scale[0], dataset.scale[2]);
}

TEST(Assemble, UnitIsOfInputsThatAreNotNormalised) {
  const Dataset dataset = assemble(settings(Targets::numbers), train, test, {0.5, 0});
  EXPECT_THAT(row(dataset, 0), ElementsAre(0, 2.5, 0.5));
}

TEST(Assemble, ChecksumTellsDataApart) {
  const auto checksum = [](const DataSettings& data, const Samples<double>& of, const Samples<double>& held_out) {
    return assemble(data, of, held_out, {}).checksum;
  };
  const DataSettings data = settings(Targets::classes);
  const std::uint32_t known = checksum(data, train, test);
  Samples<double> other_input = train;
  other_input.x[1] = std::nextafter(5.0, 6.0);
  Samples<double> other_column = train;
  std::swap(other_column.x[0], other_column.x[1]);
  Samples<double> other_label = test;
  other_label.y[0] = 1;

  EXPECT_EQ(checksum(data, train, test), known);
  EXPECT_NE(checksum(data, other_input, test), known);
  EXPECT_NE(checksum(data, other_column, test), known);
  EXPECT_NE(checksum(data, train, other_label), known);
  EXPECT_NE(checksum(settings(Targets::classes, Normalize::global), train, test), known);
  EXPECT_NE(checksum(settings(Targets::numbers), train, test), known);
}

std::string refusal_of(const DataSettings& data, const Samples<double>& of = train, int classes = 0) {
  return refusal([&] { return assemble(data, of, test, {1, classes}); });
}

TEST(Assemble, LabelsThatAreNoClassAreNamed) {
  const DataSettings data = settings(Targets::classes);
  DataSettings two = data;
  two.outputs = 2;

  EXPECT_THAT(refusal_of(two), HasSubstr("label 2 of sample 2 in 'table'"));
  EXPECT_THAT(refusal_of(data, train, 2), HasSubstr("classes are 0..1"));
  EXPECT_THAT(refusal_of(data, table(3, {1, 2, 3}, {0.5})), HasSubstr("label 0.5 of sample 1"));
  EXPECT_THAT(refusal_of(data, table(3, {1, 2, 3}, {-1})), HasSubstr("label -1 of"));
  EXPECT_THAT(refusal_of(data, table(3, {1, 2, 3}, {1e300})), HasSubstr("classes are 0..9999"));
  EXPECT_THAT(refusal_of(data, table(3, {1, 2, 3}, {1, 2})), HasSubstr("2 targets a sample"));
}

TEST(Assemble, CountsThatTheSetDoesNotHaveAreNamed) {
  for (const auto& [field, key] :
       {std::pair{&DataSettings::samples, "data.n"}, std::pair{&DataSettings::test_samples, "data.test-n"},
        std::pair{&DataSettings::inputs, "data.d"}, std::pair{&DataSettings::outputs, "data.outputs"}}) {
    DataSettings more = settings(Targets::numbers);
    more.*field = 4;
    EXPECT_THAT(refusal_of(more), HasSubstr("key '" + std::string(key) + "' = '4' is not accepted"));
  }
}

TEST(Assemble, InputsBeyondFloatingPointAreNamed) {
  for (const Normalize normalize : {Normalize::global, Normalize::per_input}) {
    EXPECT_THAT(refusal_of(settings(Targets::numbers, normalize), table(3, {1e308, 2, 3, -1e308, 1, 1}, {0, 1})),
                HasSubstr("input 1 of 'table' cannot be normalised"));
  }
}

}  // namespace
}  // namespace fasweep
