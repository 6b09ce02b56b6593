#include "backend/cuda/cuda_trainer.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "backend/cuda/batch_loop.hpp"
#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/sample_space_runs.hpp"
#include "backend/cuda/weight_space_runs.hpp"

namespace fasweep {
namespace {

/// Most host memory that the problems of one call may take.
constexpr double host_bytes = 1 << 30;

void append(std::vector<RunRecord>& records, std::vector<RunRecord> more) {
  std::move(more.begin(), more.end(), std::back_inserter(records));
}

class CudaTrainer final : public Trainer {
 public:
  CudaTrainer(int device, std::unique_ptr<Trainer> others)
      : others_(std::move(others)), has_products_(why_no_products().empty()) {
    select_device(device);
    const DeviceInfo info = describe_device(device);
    shared_bytes_ = info.shared_bytes_a_block;
    multiprocessors_ = info.multiprocessors;
    stream_.emplace();
  }

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    return train_together({&request, 1});
  }

  [[nodiscard]] int problems_at_once(const DataSettings& data, int width) const override {
    const double rows = data.source == DataSource::teacher ? static_cast<double>(data.samples) + data.test_samples : 0;
    const double bytes = sizeof(double) * (rows + width) * (data.inputs + 2.0);
    return std::clamp(static_cast<int>(host_bytes / bytes), 1, runs_to_fill(resident_blocks(), width));
  }

  [[nodiscard]] std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests) override {
    /// A request with the settings, and what trains on the device by solver and the step it begins at.
    struct Group {
      const TrainingRequest* settings;
      std::map<std::pair<Solver, std::int64_t>, std::vector<BatchMember>> ours;
      std::vector<BatchMember> theirs;
    };
    std::vector<Group> groups;
    for (const TrainingRequest& request : requests) {
      auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
        return &other.settings->training == &request.training && &other.settings->record == &request.record;
      });
      if (group == groups.end()) {
        group = groups.insert(group, {&request, {}, {}});
      }
      const bool shows_networks = request.visitor != nullptr || !why_left_to_cpu(request.record.metrics).empty();
      for (const RunSpec& run : request.runs) {
        const Solver solver = shows_networks ? Solver::automatic
                                             : choose_device_solver(request.data, request.training, request.solver, run,
                                                                    {shared_bytes_, has_products_});
        if (solver == Solver::automatic) {
          group->theirs.push_back({&request.problem, &run});
          continue;
        }
        BatchMember member = find_saved(request.problem, run, solver, request.checkpoints);
        group->ours[{solver, member.step}].push_back(std::move(member));
      }
    }
    std::vector<RunRecord> records;
    for (const Group& group : groups) {
      append(records, train_there(*group.settings, group.theirs));
      for (const auto& [key, members] : group.ours) {
        append(records, train_here(*group.settings, key.first, members));
      }
    }
    return in_order(requests, std::move(records));
  }

 private:
  [[nodiscard]] int resident_blocks() const { return multiprocessors_ * blocks_a_multiprocessor; }

  /// In batches that fill the device and fit; what fits in no way goes to the other trainer.
  [[nodiscard]] std::vector<RunRecord> train_here(const TrainingRequest& settings, Solver solver,
                                                  std::span<const BatchMember> members) {
    std::vector<RunRecord> records;
    int most = static_cast<int>(members.size());
    while (!members.empty()) {
      try {
        const int wanted = std::min(most, static_cast<int>(members.size()));
        const int fitting = choose_batch(settings, solver, *members[0].problem, wanted);
        if (fitting == 0) {
          append(records, train_there(settings, members));
          return records;
        }
        most = fitting;
        const std::span<const BatchMember> now = members.first(static_cast<std::size_t>(fitting));
        append(records, train_batch(settings, now, solver, *make_batch(settings, solver, now)));
        members = members.subspan(now.size());
        most = static_cast<int>(members.size());
      } catch (const DeviceMemoryError&) {
        most /= 2;  // someone else took the memory meanwhile
      }
    }
    return records;
  }

  /// Of `runs` runs, those of the next batch: equal batches, none larger than what fills the device or fits. 0: none
  /// fits.
  [[nodiscard]] int choose_batch(const TrainingRequest& settings, Solver solver, const Problem& problem, int runs) {
    if (runs == 0) {
      return 0;
    }
    if (solver == Solver::sample_space) {
      const BatchShape shape{problem.samples, problem.samples + problem.test_samples, problem.width};
      const int batches = divide_up(runs, runs_to_fill(resident_blocks(), problem.width));
      return runs_that_fit(free_device_memory(), shape, divide_up(runs, batches));
    }
    if (!load_dataset(problem)) {
      return 0;
    }
    const WeightSpaceShape shape =
        weight_space_shape(settings.data, settings.training, settings.record.metrics, problem.width);
    const int batches = divide_up(runs, runs_to_fill(multiprocessors_, shape));
    return runs_that_fit(free_device_memory(), shape, divide_up(runs, batches));
  }

  [[nodiscard]] std::unique_ptr<RunBatch> make_batch(const TrainingRequest& settings, Solver solver,
                                                     std::span<const BatchMember> members) {
    const BatchParts parts = parts_of(members);
    const int activation = members[0].run->activation;
    if (solver == Solver::sample_space) {
      return std::make_unique<SampleSpaceRuns>(*stream_, activation, parts.problems, parts.runs);
    }
    return std::make_unique<WeightSpaceRuns>(*stream_, settings, activation, parts.problems, parts.runs,
                                             members[0].problem->dataset == nullptr ? nullptr : &*dataset_);
  }

  /// Brings the problem's data set, if it has one, to the device once. Returns whether it is there.
  [[nodiscard]] bool load_dataset(const Problem& problem) {
    if (problem.dataset == nullptr || (dataset_ && dataset_->source() == problem.dataset)) {
      return true;
    }
    dataset_.reset();
    try {
      dataset_.emplace(*problem.dataset, *stream_);
    } catch (const DeviceMemoryError&) {
      return false;
    }
    return true;
  }

  [[nodiscard]] std::vector<RunRecord> train_there(const TrainingRequest& settings,
                                                   std::span<const BatchMember> members) {
    std::vector<RunRecord> records;
    for (auto first = members.begin(); first != members.end();) {
      const auto end = std::find_if(first, members.end(),
                                    [&](const BatchMember& member) { return member.problem != first->problem; });
      std::vector<RunSpec> runs;
      std::transform(first, end, std::back_inserter(runs), [](const BatchMember& member) { return *member.run; });
      append(records,
             others_->train({*first->problem, settings.data, settings.training, settings.record, runs, settings.solver,
                             settings.cancelled, settings.checkpoints, settings.listener, nullptr, settings.visitor}));
      first = end;
    }
    return records;
  }

  static std::vector<RunRecord> in_order(std::span<const TrainingRequest> requests, std::vector<RunRecord> records) {
    std::vector<RunRecord> ordered;
    for (const TrainingRequest& request : requests) {
      for (const RunSpec& run : request.runs) {
        const auto found = std::find_if(records.begin(), records.end(),
                                        [&](const RunRecord& record) { return record.run == run.run; });
        ordered.push_back(std::move(*found));
      }
    }
    return ordered;
  }

  std::unique_ptr<Trainer> others_;
  bool has_products_;
  int shared_bytes_ = 0;
  int multiprocessors_ = 0;
  std::optional<Stream> stream_;  // made once the device is selected
  std::optional<DeviceDataset> dataset_;
};

}  // namespace

bool has_cuda() {
  return true;
}

int count_cuda_devices() {
  return count_devices();
}

CudaDeviceName name_cuda_device(int device) {
  const DeviceInfo info = describe_device(device);
  return {info.name + ", " + info.uuid + ", PCI " + info.pci_id, info.uuid};
}

std::unique_ptr<Trainer> make_cuda_trainer(int device, std::unique_ptr<Trainer> others) {
  return std::make_unique<CudaTrainer>(device, std::move(others));
}

}  // namespace fasweep
