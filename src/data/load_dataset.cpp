#include "data/load_dataset.hpp"

#include <algorithm>
#include <cassert>
#include <filesystem>
#include <limits>
#include <map>
#include <regex>
#include <set>
#include <utility>

#include "data/assemble.hpp"
#include "data/csv.hpp"
#include "data/file_format.hpp"
#include "data/hdf5_table.hpp"
#include "data/idx.hpp"
#include "data/split.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// Samples of a set as its files have them; test: where it has some of its own.
template <class Number>
struct RawSet {
  Samples<Number> train;
  std::optional<Samples<Number>> test;
  SetTraits traits;
};

/// The last samples, as many as data.test-n says, of a set that has no test samples of its own; none by default.
template <class Number>
Samples<Number> split_off_test(Samples<Number>& train, int test_samples) {
  const std::int64_t rows = std::max(test_samples, 0);
  if (rows >= train.rows) {
    throw ConfigError("key 'data.test-n' = '" + std::to_string(rows) + "' is not accepted ('" + train.origin +
                      "' has " + std::to_string(train.rows) + " samples, and some must train); write a smaller number");
  }
  train.rows -= rows;
  const auto first_x = train.x.begin() + train.rows * train.inputs;
  const auto first_y = train.y.begin() + train.rows * train.targets;
  Samples<Number> test{rows,        train.inputs, train.targets, {first_x, train.x.end()}, {first_y, train.y.end()},
                       train.origin};
  train.x.erase(first_x, train.x.end());
  train.y.erase(first_y, train.y.end());
  return test;
}

template <class Number>
LoadedDataset make_set(const DataSettings& settings, RawSet<Number> set) {
  std::vector<std::string> doubts = std::move(set.train.doubts);
  if constexpr (std::is_same_v<Number, double>) {
    const std::vector<std::string> more = doubtful_inputs(set.train);
    doubts.insert(doubts.end(), more.begin(), more.end());
  }
  Samples<Number> train = put_in_order(settings, std::move(set.train));
  const Samples<Number> test = set.test ? std::move(*set.test) : split_off_test(train, settings.test_samples);
  LoadedDataset loaded{assemble(settings, train, test, set.traits), {}};
  const std::string place = "data '" + settings.path + "'";
  loaded.report = describe(loaded.dataset, place, train.reading);
  warn(loaded.report, place, doubts);
  return loaded;
}

/// The file, or its compressed twin, or one with the dot that some copies of the sets have in its name.
std::string find_idx_file(const DataSettings& settings, const std::string& name) {
  const std::string plain = settings.path + "/" + name;
  std::string dotted = plain;
  dotted[dotted.rfind("-idx")] = '.';
  for (const std::string& path : {plain, plain + ".gz", dotted, dotted + ".gz"}) {
    if (fs::exists(path)) {
      return path;
    }
  }
  const DataSourceTraits& set = traits_of(settings.source);
  throw ConfigError("data set '" + std::string(set.name) + "' is not in '" + settings.path + "' (neither " + name +
                    " nor " + name + ".gz exists); " + std::string(set.advice) + ", or set data.path");
}

Samples<std::uint8_t> read_idx_part(const DataSettings& settings, const std::string& part) {
  const std::string images = find_idx_file(settings, part + "-images-idx3-ubyte");
  return read_idx(images, find_idx_file(settings, part + "-labels-idx1-ubyte"));
}

constexpr double pixel_unit = 1.0 / 255;

/// Classes 0..9, pixels 0..255 on a scale of 0..1.
RawSet<std::uint8_t> read_named_set(const DataSettings& settings) {
  return {read_idx_part(settings, "train"), read_idx_part(settings, "t10k"), {pixel_unit, 10}};
}

/// Files of one set of images: "images" and "labels" of "train" and "test".
using IdxFiles = std::map<std::string, std::string>;

/// The sets that lie at `place`, by what their names have before "train" and "test". A folder, or a folder and how the
/// names in it begin, as emnist-letters in one that has all of EMNIST.
std::map<std::string, IdxFiles> find_idx_sets(const fs::path& place) {
  static const std::regex pattern(
      R"((.*?)(train|test|t10k)-(images|labels)[-.]idx[0-9]-(?:u?byte|short|int|float|double)(\.gz)?)");
  const bool is_folder = fs::is_directory(place);
  const fs::path folder = is_folder ? place : place.has_parent_path() ? place.parent_path() : fs::path(".");
  const std::string begin = is_folder ? "" : place.filename().string();
  std::map<std::string, IdxFiles> sets;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    std::smatch match;
    if (!name.starts_with(begin) || !std::regex_match(name, match, pattern)) {
      continue;
    }
    const std::string part = (match[2] == "train" ? "train " : "test ") + match[3].str();
    std::string& path = sets[match[1]][part];
    if (path.empty() || !match[4].matched) {  // the plain file of both
      path = entry.path().string();
    }
  }
  if (!begin.empty()) {  // emnist-mnist, and not emnist-mnist-more
    for (const std::string& exact : {begin, begin + "-"}) {
      if (const auto found = sets.find(exact); found != sets.end()) {
        return {*found};
      }
    }
  }
  return sets;
}

RawSet<std::uint8_t> read_idx_set(const DataSettings& settings) {
  const std::map<std::string, IdxFiles> sets = find_idx_sets(settings.path);
  const auto reject = [&](const std::string& why, const std::string& advice) {
    throw ConfigError("IDX files in '" + settings.path + "' cannot be used (" + why + "); " + advice);
  };
  if (sets.size() > 1) {
    std::string names;
    for (const auto& [name, files] : sets) {
      names += (names.empty() ? "'" : ", '") + name + "'";
    }
    reject("it holds several sets, whose names begin with " + names,
           "set data.path to the folder and one of them: " + settings.path + "/" + sets.rbegin()->first);
  }
  if (sets.empty() || !sets.begin()->second.contains("train images") ||
      !sets.begin()->second.contains("train labels")) {
    reject(
        "train-images-idx3-ubyte and train-labels-idx1-ubyte are not both present, .gz or plain, with or without a "
        "name in front",
        "set data.path to their folder");
  }
  const IdxFiles& files = sets.begin()->second;
  RawSet<std::uint8_t> set{read_idx(files.at("train images"), files.at("train labels")), {}, {pixel_unit, 0}};
  if (files.contains("test images") != files.contains("test labels")) {
    reject("its test set has only images or only labels", "fetch both, or remove the one that exists");
  }
  if (files.contains("test images")) {
    set.test = read_idx(files.at("test images"), files.at("test labels"));
  }
  return set;
}

LoadedDataset load_idx_set(const DataSettings& settings) {
  if (settings.targets != Targets::classes) {
    throw ConfigError("key 'data.targets' = 'numbers' is not accepted (labels of images are classes); leave it out");
  }
  RawSet<std::uint8_t> set = settings.source == DataSource::idx ? read_idx_set(settings) : read_named_set(settings);
  if (set.test && set.train.inputs != set.test->inputs) {
    throw ConfigError("the training images in '" + settings.path + "' have " + std::to_string(set.train.inputs) +
                      " pixels and the test images " + std::to_string(set.test->inputs) +
                      " (they belong to different sets); fetch the four files again");
  }
  return make_set(settings, std::move(set));
}

/// Whether every row of y has a 1 and zeros.
bool is_one_hot(const Samples<double>& samples) {
  for (auto row = samples.y.begin(); row != samples.y.end(); row += samples.targets) {
    const auto end = row + samples.targets;
    if (std::count(row, end, 1.0) != 1 || std::count(row, end, 0.0) != samples.targets - 1) {
      return false;
    }
  }
  return true;
}

/// Classes that are written one-hot become labels.
void take_one_hot(const DataSettings& settings, RawSet<double>& set) {
  if (settings.targets != Targets::classes || set.train.targets == 1 || !is_one_hot(set.train) ||
      (set.test && !is_one_hot(*set.test))) {
    return;
  }
  set.traits.classes = static_cast<int>(set.train.targets);
  set.train.reading += " (one-hot)";
  for (Samples<double>* samples : {&set.train, set.test ? &*set.test : nullptr}) {
    if (samples == nullptr) {
      continue;
    }
    std::vector<double> labels;
    for (auto row = samples->y.begin(); row != samples->y.end(); row += samples->targets) {
      labels.push_back(static_cast<double>(std::find(row, row + samples->targets, 1.0) - row));
    }
    samples->y = std::move(labels);
    samples->targets = 1;
  }
}

LoadedDataset load_csv(const DataSettings& settings) {
  const FileBytes bytes = read_file(settings.path, [&](std::span<const std::uint8_t> head) {
    refuse_foreign(head, FileFormat::text, settings.path);
    return std::numeric_limits<std::size_t>::max();
  });
  const bool one_target = settings.targets == Targets::classes || settings.outputs == as_in_data;
  const CsvReading reading{settings.target, one_target ? 1 : settings.outputs, settings.header,
                           settings.checksum.has_value()};
  RawSet<double> set;
  set.train = parse_csv({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, reading, settings.path);
  take_one_hot(settings, set);
  return make_set(settings, std::move(set));
}

LoadedDataset load_hdf5(const DataSettings& settings) {
  Hdf5Table table = read_hdf5_table(settings.path);
  RawSet<double> set{std::move(table.train), std::move(table.test), {}};
  take_one_hot(settings, set);
  return make_set(settings, std::move(set));
}

LoadedDataset read_set(const DataSettings& settings) {
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

LoadedDataset load_dataset(const DataSettings& named) {
  DataSettings settings = named;
  settings.path = expand_home(settings.path);
  LoadedDataset loaded = read_set(settings);
  if (settings.checksum && *settings.checksum != loaded.dataset.checksum) {
    throw ConfigError("the data in '" + settings.path + "' have checksum " + format_checksum(loaded.dataset.checksum) +
                      " (the job's have " + format_checksum(*settings.checksum) +
                      "); give the data the job began with, or leave data.checksum out");
  }
  return loaded;
}

}  // namespace fasweep
