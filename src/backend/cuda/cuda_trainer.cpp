#include "backend/cuda/cuda_trainer.hpp"

#include <algorithm>
#include <optional>

#include "backend/cuda/batch_loop.hpp"
#include "backend/cuda/device_batch.hpp"
#include "backend/cuda/device_plan.hpp"

namespace fasweep {
namespace {

class CudaTrainer final : public Trainer {
 public:
  CudaTrainer(int device, std::unique_ptr<Trainer> others) : others_(std::move(others)) {
    select_device(device);
    shared_bytes_ = describe_device(device).shared_bytes_a_block;
    stream_.emplace();
  }

  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    std::vector<RunSpec> ours;
    std::vector<RunSpec> theirs;
    for (const RunSpec& run : request.runs) {
      const bool suits = suits_device(request.data, request.training, request.solver, run, shared_bytes_);
      (suits ? ours : theirs).push_back(run);
    }
    std::vector<RunRecord> records = train_here(request, ours);
    std::vector<RunRecord> more = train_there(request, theirs);
    std::move(more.begin(), more.end(), std::back_inserter(records));
    return in_order(request.runs, std::move(records));
  }

 private:
  /// In as few batches as fit; what fits in no way goes to the other trainer.
  [[nodiscard]] std::vector<RunRecord> train_here(const TrainingRequest& request, std::span<const RunSpec> runs) {
    std::vector<RunRecord> records;
    int most = static_cast<int>(runs.size());
    while (!runs.empty()) {
      const int samples = request.data.samples;
      const int wanted = std::min(most, static_cast<int>(runs.size()));
      const BatchShape shape{samples, samples + request.data.test_samples, request.problem.width};
      const int fitting = runs_that_fit(free_device_memory(), shape, wanted);
      if (fitting == 0) {
        std::vector<RunRecord> rest = train_there(request, runs);
        std::move(rest.begin(), rest.end(), std::back_inserter(records));
        return records;
      }
      try {
        std::vector<RunRecord> batch = train_batch(request, runs.first(static_cast<std::size_t>(fitting)), *stream_);
        std::move(batch.begin(), batch.end(), std::back_inserter(records));
        runs = runs.subspan(static_cast<std::size_t>(fitting));
      } catch (const DeviceMemoryError&) {
        most = fitting / 2;  // someone else took the memory meanwhile
      }
    }
    return records;
  }

  [[nodiscard]] std::vector<RunRecord> train_there(const TrainingRequest& request, std::span<const RunSpec> runs) {
    if (runs.empty()) {
      return {};
    }
    return others_->train({request.problem, request.data, request.training, request.record, runs, request.solver,
                           request.cancelled, request.checkpoints});
  }

  static std::vector<RunRecord> in_order(std::span<const RunSpec> runs, std::vector<RunRecord> records) {
    std::vector<RunRecord> ordered;
    for (const RunSpec& run : runs) {
      const auto found =
          std::find_if(records.begin(), records.end(), [&](const RunRecord& record) { return record.run == run.run; });
      ordered.push_back(std::move(*found));
    }
    return ordered;
  }

  std::unique_ptr<Trainer> others_;
  int shared_bytes_ = 0;
  std::optional<Stream> stream_;  // made once the device is selected
};

}  // namespace

bool has_cuda() {
  return true;
}

int count_cuda_devices() {
  return count_devices();
}

std::unique_ptr<Trainer> make_cuda_trainer(int device, std::unique_ptr<Trainer> others) {
  return std::make_unique<CudaTrainer>(device, std::move(others));
}

}  // namespace fasweep
