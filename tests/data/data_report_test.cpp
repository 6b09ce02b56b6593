#include "data/data_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// One input; a row for each label.
Dataset set_of_classes(const std::vector<int>& train, const std::vector<int>& test, int classes) {
  Dataset dataset;
  dataset.samples = static_cast<int>(train.size());
  dataset.test_samples = static_cast<int>(test.size());
  dataset.inputs = 1;
  dataset.outputs = classes;
  dataset.is_classes = true;
  std::vector<double> y;
  for (const std::vector<int>* labels : {&train, &test}) {
    for (const int label : *labels) {
      y.resize(y.size() + static_cast<std::size_t>(classes));
      y[y.size() - static_cast<std::size_t>(classes - label)] = 1;
    }
  }
  dataset.y = std::move(y);
  return dataset;
}

TEST(DataReport, LineSaysWhatWasUnderstood) {
  const DataReport report =
      describe(set_of_classes({0, 2, 1, 2, 0, 1}, {1, 0}, 3), "data 'a.csv'", "target 'label' (column 1)");

  EXPECT_EQ(report.understood,
            "data 'a.csv': 6 training samples, 1 input, target 'label' (column 1); classes 0: 2, 1: 2, 2: 2; 2 test "
            "samples (25 % of all)");
  EXPECT_THAT(report.warnings, IsEmpty());
}

TEST(DataReport, NumbersAndManyClassesAreSummed) {
  Dataset numbers = set_of_classes({0, 1}, {}, 2);
  numbers.is_classes = false;
  EXPECT_THAT(describe(numbers, "it", "").understood, HasSubstr("1 input; 2 targets to regress on; no test samples"));

  std::vector<int> labels(30);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<int>(i);
  }
  labels.push_back(7);
  EXPECT_THAT(describe(set_of_classes(labels, {}, 30), "it", "").understood,
              HasSubstr("30 classes of 1 to 2 training samples"));
}

TEST(DataReport, ClassesThatCannotBeLearnedAreDoubtful) {
  const auto warnings = [](const Dataset& dataset) { return describe(dataset, "it", "").warnings; };
  EXPECT_THAT(warnings(set_of_classes({0, 0}, {}, 2)),
              ElementsAre(HasSubstr("it: all training samples are of class 0"), HasSubstr("class 1 has no samples")));
  EXPECT_THAT(warnings(set_of_classes({0, 1}, {2, 2}, 3)),
              ElementsAre(HasSubstr("class 2 has test samples and no training samples")));
  EXPECT_THAT(warnings(set_of_classes({1, 4}, {3, 2}, 5)),
              ElementsAre(HasSubstr("classes 2 and 3 have test samples"), HasSubstr("class 0 has no samples")));
}

Samples<double> table(std::int64_t rows, double (*input)(std::int64_t), double (*target)(std::int64_t)) {
  Samples<double> samples{rows, 2, 1, {}, {}, "table"};
  for (std::int64_t i = 0; i < rows; ++i) {
    samples.x.insert(samples.x.end(), {static_cast<double>(i * i % 7), input(i)});
    samples.y.push_back(target(i));
  }
  return samples;
}

double count_from_one(std::int64_t i) {
  return static_cast<double>(i + 1);
}

double is_odd(std::int64_t i) {
  return static_cast<double>(i % 2);
}

double zero(std::int64_t /*i*/) {
  return 0;
}

TEST(DataReport, InputsThatNumberSamplesOrRepeatTheTargetAreDoubtful) {
  Samples<double> named = table(10, count_from_one, is_odd);
  named.input_names = {"a", "id"};
  EXPECT_THAT(doubtful_inputs(named), ElementsAre(HasSubstr("input 2, 'id', numbers the samples from 1 on")));
  EXPECT_THAT(doubtful_inputs(table(40, is_odd, is_odd)), ElementsAre(HasSubstr("input 2 equals the target")));
}

TEST(DataReport, OrdinaryInputsAreNotDoubtful) {
  EXPECT_THAT(doubtful_inputs(table(3, count_from_one, is_odd)), IsEmpty()) << "by chance";
  EXPECT_THAT(doubtful_inputs(table(10, is_odd, is_odd)), IsEmpty()) << "by chance";
  EXPECT_THAT(doubtful_inputs(table(40, zero, zero)), IsEmpty()) << "a black pixel";
}

}  // namespace
}  // namespace fasweep
