#include "data/load_dataset.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"
#include "support/folder.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Folder;
using ::testing::HasSubstr;
using testing::idx_bytes;
using testing::refusal;
using testing::write_bytes;

/// The set alone.
Dataset load(const DataSettings& data) {
  return load_dataset(data).dataset;
}

DataSettings settings(DataSource source, const std::string& path) {
  DataSettings data;
  data.source = source;
  data.path = path;
  data.samples = data.inputs = data.outputs = data.test_samples = as_in_data;
  data.targets = Targets::classes;
  data.normalize = Normalize::global;
  return data;
}

void write_set(const Folder& folder) {
  write_bytes(folder / "train-images-idx3-ubyte", idx_bytes({3, 1, 2}, {0, 255, 51, 0, 0, 102}));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_bytes({3}, {0, 9, 4}));
  write_bytes(folder / "t10k-images-idx3-ubyte.gz", testing::gzip(idx_bytes({1, 1, 2}, {1, 2})));
  write_bytes(folder / "t10k-labels-idx1-ubyte", idx_bytes({1}, {7}));
}

TEST(LoadDataset, IdxSetsHaveTenClassesAndPixelsFromZeroToOne) {
  const Folder folder;
  write_set(folder);
  DataSettings data = settings(DataSource::mnist, folder / "");
  data.normalize = Normalize::none;

  const Dataset dataset = load(data);

  EXPECT_EQ(dataset.outputs, 10);
  EXPECT_EQ(dataset.inputs, 2);
  EXPECT_EQ(dataset.samples, 3);
  EXPECT_EQ(dataset.test_samples, 1);
  EXPECT_DOUBLE_EQ(dataset.raw[0] * dataset.scale[1], 1.0);
}

TEST(LoadDataset, WhatIsMissingIsNamedWithTheWayToGetIt) {
  const Folder folder;
  write_set(folder);
  std::filesystem::remove(folder / "t10k-images-idx3-ubyte.gz");

  EXPECT_THAT(refusal([&] { return load(settings(DataSource::mnist, folder / "")); }),
              AllOf(HasSubstr("t10k-images-idx3-ubyte.gz"), HasSubstr("jobs/fetch-mnist.sh")));
  EXPECT_THAT(refusal([&] { return load(settings(DataSource::fashion_mnist, folder / "")); }),
              HasSubstr("dataset-fashion-mnist"));
}

TEST(LoadDataset, SetsThatHaveAFolderSayHowToFillIt) {
  for (const DataSourceTraits& set : data_sources) {
    EXPECT_EQ(set.advice.empty(), set.default_path.empty()) << set.name;
    EXPECT_TRUE(set.density > 0 && set.density <= 1) << set.name;
  }
}

TEST(LoadDataset, MislabelledFilesAndLabelsOutOfRangeAreNamed) {
  const Folder folder;
  write_set(folder);
  write_bytes(folder / "train-labels-idx1-ubyte", idx_bytes({3}, {0, 10, 4}));
  EXPECT_THAT(refusal([&] { return load(settings(DataSource::mnist, folder / "")); }),
              AllOf(HasSubstr("label 10"), HasSubstr("train-labels"), HasSubstr("0..9")));

  std::filesystem::copy_file(folder / "train-labels-idx1-ubyte", folder / "train-images-idx3-ubyte",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(refusal([&] { return load(settings(DataSource::mnist, folder / "")); }),
              HasSubstr("holds labels where images belong"));
}

TEST(LoadDataset, ImagesOfDifferentSetsAreRefused) {
  const Folder folder;
  write_set(folder);
  write_bytes(folder / "t10k-images-idx3-ubyte.gz", idx_bytes({1, 2, 2}, {1, 2, 3, 4}));
  EXPECT_THAT(refusal([&] { return load(settings(DataSource::mnist, folder / "")); }),
              AllOf(HasSubstr("2 pixels"), HasSubstr("4")));
}

TEST(LoadDataset, LastRowsOfATableAreHeldOut) {
  const Folder folder;
  std::ofstream(folder / "table.csv") << "1,10\n2,20\n3,30\n";
  DataSettings data = settings(DataSource::csv, folder / "table.csv");
  data.targets = Targets::numbers;
  data.normalize = Normalize::none;

  EXPECT_EQ(load(data).test_samples, 0);
  data.test_samples = 1;
  const Dataset dataset = load(data);
  EXPECT_EQ(dataset.samples, 2);
  EXPECT_THAT(dataset.y, ::testing::ElementsAre(10, 20, 30));
  data.test_samples = 3;
  EXPECT_THAT(refusal([&] { return load(data); }), HasSubstr("some must train"));
}

TEST(LoadDataset, OtherChecksumIsRefused) {
  const Folder folder;
  write_set(folder);
  DataSettings data = settings(DataSource::mnist, folder / "");
  data.checksum = load(data).checksum;
  static_cast<void>(load(data));

  write_bytes(folder / "t10k-labels-idx1-ubyte", idx_bytes({1}, {8}));
  EXPECT_THAT(refusal([&] { return load(data); }), HasSubstr("checksum"));
}

TEST(LoadDataset, RelativesOfMnistAreReadUnderTheirNames) {
  for (const std::string begin : {"", "emnist-letters-"}) {
    for (const std::string test : {"t10k", "test"}) {
      const Folder folder;
      write_bytes(folder / (begin + "train-images-idx3-ubyte.gz"), testing::gzip(idx_bytes({2, 1, 2}, {1, 2, 3, 4})));
      FileBytes labels = idx_bytes({2}, {0, 0, 0, 1, 0, 0, 0, 26});
      labels[2] = 0x0c;
      write_bytes(folder / (begin + "train-labels.idx1-int"), labels);
      write_bytes(folder / (begin + test + "-images-idx3-ubyte"), idx_bytes({1, 1, 2}, {5, 6}));
      write_bytes(folder / (begin + test + "-labels-idx1-ubyte"), idx_bytes({1}, {3}));

      const LoadedDataset loaded = load_dataset(settings(DataSource::idx, folder / ""));

      EXPECT_EQ(loaded.dataset.outputs, 27) << "a label is the number of its class";
      EXPECT_EQ(loaded.dataset.test_samples, 1);
      EXPECT_THAT(loaded.report.warnings, ::testing::Contains(HasSubstr("no samples (labels are counted from 0)")));
    }
  }
}

TEST(LoadDataset, ClassesOfImagesAreThoseOfTheLabelsOrOfTheJob) {
  const Folder folder;
  write_bytes(folder / "train-images-idx3-ubyte", idx_bytes({2, 1, 1}, {1, 2}));
  write_bytes(folder / "train-labels-idx1-ubyte", idx_bytes({2}, {0, 1}));
  DataSettings data = settings(DataSource::idx, folder / "");

  EXPECT_EQ(load(data).outputs, 2);
  data.outputs = 5;
  EXPECT_EQ(load(data).outputs, 5);
  data.outputs = as_in_data;
  data.test_samples = 1;
  EXPECT_EQ(load(data).test_samples, 1) << "split off where no test samples are";
}

TEST(LoadDataset, OneOfSeveralSetsInAFolderIsChosenByItsName) {
  const Folder folder;
  for (const std::string name : {"emnist-mnist", "emnist-letters"}) {
    write_bytes(folder / (name + "-train-images-idx3-ubyte"), idx_bytes({1, 1, 1}, {1}));
    write_bytes(folder / (name + "-train-labels-idx1-ubyte"),
                idx_bytes({1}, FileBytes(1, name == "emnist-mnist" ? 1 : 7)));
  }

  EXPECT_THAT(refusal([&] { return load(settings(DataSource::idx, folder / "")); }),
              AllOf(HasSubstr("'emnist-letters-', 'emnist-mnist-'"), HasSubstr("data.path")));
  EXPECT_EQ(load(settings(DataSource::idx, folder / "emnist-letters")).outputs, 8);
  EXPECT_THAT(refusal([&] { return load(settings(DataSource::idx, folder / "kmnist")); }),
              HasSubstr("not both present"));
}

TEST(LoadDataset, OneHotTargetsAreClasses) {
  const Folder folder;
  std::ofstream(folder / "table.csv") << "a,no,yes,perhaps\n5,1,0,0\n6,0,1,0\n";
  DataSettings data = settings(DataSource::csv, folder / "table.csv");
  data.target = "no, yes, perhaps";

  const LoadedDataset loaded = load_dataset(data);

  EXPECT_EQ(loaded.dataset.outputs, 3);
  EXPECT_THAT(loaded.dataset.y, ::testing::ElementsAre(1, 0, 0, 0, 1, 0));
  EXPECT_THAT(loaded.report.understood, HasSubstr("(one-hot)"));
  std::ofstream(folder / "table.csv") << "a,no,yes,perhaps\n5,1,0,0\n6,1,1,0\n";
  EXPECT_THAT(refusal([&] { return load(data); }), HasSubstr("has 3 targets a sample"));
}

TEST(LoadDataset, AmbiguityIsSettledByAChecksum) {
  const Folder folder;
  std::ofstream(folder / "table.csv") << "label,a,b\n1,2,3\n0,4,5\n";
  DataSettings data = settings(DataSource::csv, folder / "table.csv");
  EXPECT_THAT(refusal([&] { return load(data); }), HasSubstr("data.target = label"));

  data.target = "last";
  data.checksum = load(data).checksum;
  data.target = std::string(automatic_target);
  EXPECT_EQ(load(data).checksum, data.checksum) << "what a stored job means";
}

TEST(LoadDataset, SplitDecidesWhatIsHeldOut) {
  const Folder folder;
  std::ofstream file(folder / "sorted.csv");
  for (int i = 0; i < 60; ++i) {
    file << i * i % 11 << "," << i / 20 << "\n";
  }
  file.close();
  DataSettings data = settings(DataSource::csv, folder / "sorted.csv");
  data.test_samples = 20;

  EXPECT_THAT(load_dataset(data).report.warnings, ElementsAre(HasSubstr("class 2 has test samples and no training")));
  data.split = {SplitLaw::stratified, 0};
  const LoadedDataset stratified = load_dataset(data);
  EXPECT_THAT(stratified.report.warnings, ::testing::IsEmpty());
  EXPECT_THAT(stratified.report.understood, HasSubstr("20 test samples (33 % of all)"));
  EXPECT_NE(stratified.dataset.checksum, load(settings(DataSource::csv, folder / "sorted.csv")).checksum);
}

/// Where real sets are: Debian's package, and a folder beside this repository or in it.
std::string first_existing(const std::vector<std::filesystem::path>& folders) {
  for (const auto& folder : folders) {
    if (std::filesystem::exists(folder / "train-images-idx3-ubyte.gz") ||
        std::filesystem::exists(folder / "train-images-idx3-ubyte")) {
      return folder;
    }
  }
  return {};
}

TEST(LoadDataset, MnistHasItsWellKnownMeanAndDeviation) {
  const std::filesystem::path root = FASWEEP_ROOT;
  const std::string folder = first_existing({root / "data" / "mnist", root / ".." / "shared" / "data" / "mnist"});
  if (folder.empty()) {
    GTEST_SKIP() << "MNIST is not here; fetch it with jobs/fetch-mnist.sh";
  }

  const Dataset dataset = load(settings(DataSource::mnist, folder));

  constexpr double printed = 5e-5;  // the published values have four digits
  EXPECT_EQ(dataset.samples, 60000);
  EXPECT_EQ(dataset.test_samples, 10000);
  EXPECT_EQ(dataset.inputs, 784);
  EXPECT_NEAR(dataset.shift[0] / dataset.scale[0] / 255, 0.1307, printed);
  EXPECT_NEAR(1 / dataset.scale[0] / 255, 0.3081, printed);
}

TEST(LoadDataset, FashionMnistHasItsWellKnownMeanAndDeviation) {
  const std::string folder = first_existing({"/usr/share/datasets/fashion-mnist"});
  if (folder.empty()) {
    GTEST_SKIP() << "Fashion-MNIST is not here; install the Debian package dataset-fashion-mnist";
  }

  const Dataset dataset = load(settings(DataSource::fashion_mnist, folder));

  constexpr double printed = 5e-5;  // the published values have four digits
  EXPECT_EQ(dataset.samples, 60000);
  EXPECT_NEAR(dataset.shift[0] / dataset.scale[0] / 255, 0.2860, printed);
  EXPECT_NEAR(1 / dataset.scale[0] / 255, 0.3530, printed);
}

}  // namespace
}  // namespace fasweep
