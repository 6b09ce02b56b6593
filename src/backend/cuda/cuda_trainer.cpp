#include "backend/cuda/cuda_trainer.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

#include "backend/cuda/batch_loop.hpp"
#include "backend/cuda/device_batch.hpp"
#include "backend/cuda/device_plan.hpp"

namespace fasweep {
namespace {

/// Most host memory that the problems of one call may take.
constexpr double host_bytes = 1 << 30;

void append(std::vector<RunRecord>& records, std::vector<RunRecord> more) {
  std::move(more.begin(), more.end(), std::back_inserter(records));
}

class CudaTrainer final : public Trainer {
 public:
  CudaTrainer(int device, std::unique_ptr<Trainer> others) : others_(std::move(others)) {
    select_device(device);
    const DeviceInfo info = describe_device(device);
    shared_bytes_ = info.shared_bytes_a_block;
    resident_blocks_ = info.multiprocessors * blocks_a_multiprocessor;
    stream_.emplace();
  }

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    return train_together({&request, 1});
  }

  [[nodiscard]] int problems_at_once(const DataSettings& data, int width) const override {
    const double rows = static_cast<double>(data.samples) + data.test_samples;
    const double bytes = sizeof(double) * (rows + width) * (data.inputs + 2.0);
    return std::clamp(static_cast<int>(host_bytes / bytes), 1, runs_to_fill(resident_blocks_, width));
  }

  [[nodiscard]] std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests) override {
    std::vector<BatchMember> ours;
    std::vector<BatchMember> theirs;
    for (const TrainingRequest& request : requests) {
      for (const RunSpec& run : request.runs) {
        const bool suits = suits_device(request.data, request.training, request.solver, run, shared_bytes_);
        (suits ? ours : theirs).push_back({&request.problem, &run});
      }
    }
    std::vector<RunRecord> records = train_here(requests[0], ours);
    append(records, train_there(requests[0], theirs));
    return in_order(requests, std::move(records));
  }

 private:
  /// In batches that fill the device and fit; what fits in no way goes to the other trainer.
  [[nodiscard]] std::vector<RunRecord> train_here(const TrainingRequest& settings,
                                                  std::span<const BatchMember> members) {
    std::vector<RunRecord> records;
    int most = static_cast<int>(members.size());
    while (!members.empty()) {
      const int fitting = choose_batch(*members[0].problem, std::min(most, static_cast<int>(members.size())));
      if (fitting == 0) {
        append(records, train_there(settings, members));
        return records;
      }
      const auto count = static_cast<std::size_t>(fitting);
      try {
        append(records, train_batch(settings, members.first(count), *stream_));
        members = members.subspan(count);
      } catch (const DeviceMemoryError&) {
        most = fitting / 2;  // someone else took the memory meanwhile
      }
    }
    return records;
  }

  /// Of `runs` runs, those of the next batch: equal batches, none larger than what fills the device or fits. 0: none
  /// fits.
  [[nodiscard]] int choose_batch(const Problem& problem, int runs) const {
    const BatchShape shape{problem.samples, problem.samples + problem.test_samples, problem.width};
    const int batches = divide_up(runs, runs_to_fill(resident_blocks_, problem.width));
    return runs == 0 ? 0 : runs_that_fit(free_device_memory(), shape, divide_up(runs, batches));
  }

  [[nodiscard]] std::vector<RunRecord> train_there(const TrainingRequest& settings,
                                                   std::span<const BatchMember> members) {
    std::vector<RunRecord> records;
    for (auto first = members.begin(); first != members.end();) {
      const auto end = std::find_if(first, members.end(),
                                    [&](const BatchMember& member) { return member.problem != first->problem; });
      std::vector<RunSpec> runs;
      std::transform(first, end, std::back_inserter(runs), [](const BatchMember& member) { return *member.run; });
      append(records, others_->train({*first->problem, settings.data, settings.training, settings.record, runs,
                                      settings.solver, settings.cancelled, settings.checkpoints}));
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
  int shared_bytes_ = 0;
  int resident_blocks_ = 0;
  std::optional<Stream> stream_;  // made once the device is selected
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
