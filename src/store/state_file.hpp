// The network of one run at some of its steps, written out whole: the files of `fasweep state`, and how a run begins
// with one of them. Their schema is here and nowhere else (docs/file-format.md, "The state of a run").
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <hdf5.h>

#include "hdf5/hdf5_handle.hpp"
#include "model/initial_state.hpp"
#include "model/problem.hpp"
#include "sweep/plan.hpp"
#include "train/trainer.hpp"

namespace fasweep {

inline constexpr const char* state_schema = "fasweep-state-1";

/// The weights of the last step of a state file, or of any HDF5 file with its datasets W, beta, b and maybe hidden_bias
/// and output_bias, of float32 or float64, with or without the dimension of steps; "~/" is the home folder. Throws
/// ConfigError naming the file if it cannot be used, or has another checksum than `source`.
[[nodiscard]] InitialState read_initial_state(const StateSource& source);

/// Shown a run's networks in training, it writes those of the wanted steps, a block of hidden units at a time. The file
/// is whole once finish() was called and the object is gone.
class StateFile final : public SnapshotVisitor {
 public:
  /// Creates `path` and writes what is the same at every step. record: what was recorded of the run. steps: increasing,
  /// at least one. The problem outlives it.
  StateFile(const std::filesystem::path& path, const Plan& plan, const RunRecord& record, const Problem& problem,
            std::vector<std::int64_t> steps);

  void visit(std::int64_t run, const Snapshot& snapshot) override;

  /// Whether all wanted steps were written.
  [[nodiscard]] bool complete() const { return written_ == steps_.size(); }

  /// source: the result file; check: what the comparison with its record gave; command, build: of this start.
  void finish(const std::string& source, const std::string& check, const std::string& command,
              const std::string& build);

 private:
  /// An attribute of the file, unless a column of the run has that name.
  template <class Value>
  void describe(const std::string& name, const Value& value);
  void describe_run(const Plan& plan, const RunRecord& record);
  void add_scale(const std::string& name, const std::vector<std::int64_t>& values, const std::string& long_name);
  /// A dataset over dimensions of these names.
  void add_dataset(const std::string& name, const std::vector<std::string>& dimensions, const std::string& long_name);
  void write_data();
  void write_hidden(const Snapshot& snapshot);
  /// A block of a dataset.
  void write(const std::string& name, const std::vector<hsize_t>& start, const std::vector<hsize_t>& shape,
             std::span<const double> values);

  const Problem& problem_;
  std::vector<std::int64_t> steps_;
  std::string resolved_job_;
  bool has_biases_;
  hdf5::Handle file_;
  std::map<std::string, hdf5::Handle> scales_;
  std::map<std::string, hdf5::Handle> datasets_;
  std::size_t written_ = 0;  // steps
};

}  // namespace fasweep
