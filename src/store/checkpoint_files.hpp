// Checkpoints of long runs as files beside the result file: FILE.h5.checkpoints/ holds one file a run, named after the
// run's identity. A file is one frame of the journal's kind and is replaced by rename, so a state is whole or not used.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "sweep/plan.hpp"
#include "train/checkpoint.hpp"

namespace fasweep {

/// The folder of the checkpoints of a result file.
[[nodiscard]] std::filesystem::path checkpoint_folder(const std::filesystem::path& file);

/// The checkpoint of a run in that folder.
[[nodiscard]] std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::uint64_t identity);

/// Removes the checkpoints in that folder, and the folder if nothing else is in it. Whatever fasweep did not make
/// stays; so does a symbolic link in the folder's place.
void remove_checkpoints(const std::filesystem::path& folder);

/// Checkpoints of the runs of `plan`. Every rank has one, on the same folder if they share a file system; the ranks
/// train different runs.
class CheckpointFiles final : public Checkpoints {
 public:
  using Tell = std::function<void(const std::string&)>;

  /// file: the result file; its folder of checkpoints is made when it is needed. tell: called by any thread.
  CheckpointFiles(const std::filesystem::path& file, const Plan& plan, double interval_s, Tell tell);

  [[nodiscard]] double interval_s() const override { return interval_s_; }
  [[nodiscard]] std::optional<Bytes> load(std::int64_t run, Solver solver) override;
  void save(std::int64_t run, Solver solver, std::span<const std::byte> state) override;
  void tell(const std::string& text) override { tell_(text); }

 private:
  std::filesystem::path folder_;
  const Plan& plan_;
  double interval_s_;
  Tell tell_;
  std::atomic<bool> told_failure_ = false;
};

}  // namespace fasweep
