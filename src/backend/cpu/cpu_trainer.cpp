#include "backend/cpu/cpu_trainer.hpp"

#include <exception>

#include "backend/cpu/weight_space.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

class CpuTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    std::vector<RunRecord> records;
    records.reserve(request.runs.size());
    for (const RunSpec& run : request.runs) {
      const Solver solver = choose_solver(request.solver, request.data, request.training.max_steps, run);
      try {
        records.push_back(train_one(request, run));
      } catch (const std::exception& error) {
        records.push_back(failed_record(run, request.training, request.record, solver, error.what()));
      }
    }
    return records;
  }

 private:
  [[nodiscard]] static RunRecord train_one(const TrainingRequest& request, const RunSpec& run) {
    return request.training.precision == Precision::float32 ? train_weight_space<float>(request, run)
                                                            : train_weight_space<double>(request, run);
  }
};

}  // namespace

std::unique_ptr<Trainer> make_cpu_trainer() {
  return std::make_unique<CpuTrainer>();
}

}  // namespace fasweep
