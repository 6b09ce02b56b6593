#include "data/load_dataset.hpp"

#include <algorithm>
#include <cassert>
#include <filesystem>

#include "data/assemble.hpp"
#include "data/csv.hpp"
#include "data/hdf5_table.hpp"
#include "data/idx.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// The file, or its compressed twin.
std::string find_idx_file(const DataSettings& settings, const std::string& name) {
  const std::string plain = settings.path + "/" + name;
  for (const std::string& path : {plain, plain + ".gz"}) {
    if (std::filesystem::exists(path)) {
      return path;
    }
  }
  const DataSourceTraits& set = traits_of(settings.source);
  throw ConfigError("data set '" + std::string(set.name) + "' is not in '" + settings.path + "' (neither " + name +
                    " nor " + name + ".gz is there); " + std::string(set.advice) + ", or set data.path");
}

Samples<std::uint8_t> read_idx_part(const DataSettings& settings, const std::string& part) {
  const std::string images = find_idx_file(settings, part + "-images-idx3-ubyte");
  return read_idx(images, find_idx_file(settings, part + "-labels-idx1-ubyte"));
}

/// Classes 0..9, pixels 0..255 on a scale of 0..1.
Dataset load_idx_set(const DataSettings& settings) {
  if (settings.targets != Targets::classes) {
    throw ConfigError("key 'data.targets' = 'numbers' is not accepted (labels of images are classes); leave it out");
  }
  const Samples<std::uint8_t> train = read_idx_part(settings, "train");
  const Samples<std::uint8_t> test = read_idx_part(settings, "t10k");
  if (train.inputs != test.inputs) {
    throw ConfigError("the training images in '" + settings.path + "' have " + std::to_string(train.inputs) +
                      " pixels and the test images " + std::to_string(test.inputs) +
                      " (they belong to different sets); fetch the four files again");
  }
  return assemble(settings, train, test, {1.0 / 255, 10});
}

/// A table's last rows, as many as data.test-n says, where it has no test samples of its own; none by default.
Samples<double> split_off_test(Samples<double>& train, int test_samples) {
  const std::int64_t rows = std::max(test_samples, 0);
  if (rows >= train.rows) {
    throw ConfigError("key 'data.test-n' = '" + std::to_string(rows) + "' is not accepted ('" + train.origin +
                      "' has " + std::to_string(train.rows) + " samples, and some must train); write a smaller number");
  }
  train.rows -= rows;
  const auto first_x = train.x.begin() + train.rows * train.inputs;
  const auto first_y = train.y.begin() + train.rows * train.targets;
  Samples<double> test{rows,        train.inputs, train.targets, {first_x, train.x.end()}, {first_y, train.y.end()},
                       train.origin};
  train.x.erase(first_x, train.x.end());
  train.y.erase(first_y, train.y.end());
  return test;
}

Dataset load_csv(const DataSettings& settings) {
  const FileBytes bytes = read_file(settings.path);
  const bool one_target = settings.targets == Targets::classes || settings.outputs == as_in_data;
  Samples<double> train = parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                                    one_target ? 1 : settings.outputs, settings.path);
  const Samples<double> test = split_off_test(train, settings.test_samples);
  return assemble(settings, train, test, {});
}

Dataset load_hdf5(const DataSettings& settings) {
  Hdf5Table table = read_hdf5_table(settings.path);
  const Samples<double> test = table.test ? *table.test : split_off_test(table.train, settings.test_samples);
  return assemble(settings, table.train, test, {});
}

Dataset read_set(const DataSettings& settings) {
  switch (traits_of(settings.source).format) {
    case DataFormat::csv:
      return load_csv(settings);
    case DataFormat::hdf5:
      return load_hdf5(settings);
    default:
      assert(settings.source != DataSource::teacher);
      return load_idx_set(settings);
  }
}

}  // namespace

Dataset load_dataset(const DataSettings& settings) {
  Dataset dataset = read_set(settings);
  if (settings.checksum && *settings.checksum != dataset.checksum) {
    throw ConfigError("the data in '" + settings.path + "' have checksum " + format_checksum(dataset.checksum) +
                      " (the job's have " + format_checksum(*settings.checksum) +
                      "); give the data the job began with, or leave data.checksum out");
  }
  return dataset;
}

}  // namespace fasweep
