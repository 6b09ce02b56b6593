// Where training samples come from: a teacher network, or the files of a data set. To add a data set whose files have
// one of the formats below: its position to DataSource, its entry to `data_sources`. A format of its own needs a reader
// beside data/csv.hpp, called in data/load_dataset.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "util/enum_names.hpp"

namespace fasweep {

/// What the path of a source leads to: nothing; a folder of images and labels, a table.
enum class DataFormat { none, idx, csv, hdf5 };

struct DataSourceTraits {
  std::string_view name;  // as written in a job file
  DataFormat format;
  std::string_view default_path;  // empty: a job must say data.path
  std::string_view advice;        // how to get the files that are missing
  double density = 1;  // share of the raw inputs that are not zero, counted in the training images; 1: not known
};

/// Positions in `data_sources`, and codes of result files: new ones go to the end.
enum class DataSource { teacher, mnist, fashion_mnist, csv, hdf5, idx };
inline constexpr std::array data_sources{
    DataSourceTraits{"teacher", DataFormat::none, "", ""},
    DataSourceTraits{"mnist", DataFormat::idx, "data/mnist", "fetch the set with jobs/fetch-mnist.sh", 0.19},
    DataSourceTraits{"fashion-mnist", DataFormat::idx, "/usr/share/datasets/fashion-mnist",
                     "install the Debian package dataset-fashion-mnist", 0.50},
    DataSourceTraits{"csv", DataFormat::csv, "", ""},
    DataSourceTraits{"hdf5", DataFormat::hdf5, "", ""},
    DataSourceTraits{"idx", DataFormat::idx, "", ""},
};

inline constexpr auto data_source_names = [] {
  std::array<std::string_view, data_sources.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    names[i] = data_sources[i].name;
  }
  return names;
}();
static_assert(names_cover<DataSource>(data_source_names));

[[nodiscard]] constexpr const DataSourceTraits& traits_of(DataSource source) {
  return data_sources[static_cast<std::size_t>(source)];
}

}  // namespace fasweep
