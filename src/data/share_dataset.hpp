// One copy of a data set for all processes of a machine.
#pragma once

#include <optional>
#include <string>

#include "model/dataset.hpp"

namespace fasweep {

struct NamedDataset {
  Dataset dataset;   // holds the memory
  std::string name;  // for attach_dataset() while this process lives; empty: only here
};

/// Copies `dataset` into memory that other processes can read, if the system has such memory.
[[nodiscard]] NamedDataset share_dataset(const Dataset& dataset);

/// The data set another process of this machine shares, where it lies; nothing if it cannot be had.
[[nodiscard]] std::optional<Dataset> attach_dataset(const std::string& name);

}  // namespace fasweep
