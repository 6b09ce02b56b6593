#include "backend/cpu/cpu_trainer.hpp"

#include <exception>
#include <optional>

#include "backend/cpu/reduced_linear.hpp"
#include "backend/cpu/sample_space.hpp"
#include "backend/cpu/weight_space.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// Trains runs of one problem; each solver's shared state is made when the first run needs it.
class ProblemTrainer {
 public:
  explicit ProblemTrainer(const TrainingRequest& request) : request_(request) {}

  [[nodiscard]] RunRecord train(const RunSpec& run, Solver solver) {
    if (solver == Solver::reduced_linear) {
      return made(reduced_linear_).train(request_, run);
    }
    const bool single = request_.training.precision == Precision::float32;
    if (solver == Solver::sample_space) {
      return single ? made(sample_space_single_).train(request_, run) : made(sample_space_double_).train(request_, run);
    }
    return single ? train_weight_space<float>(request_, run) : train_weight_space<double>(request_, run);
  }

 private:
  template <class T>
  T& made(std::optional<T>& shared) {
    return shared ? *shared : shared.emplace(request_.problem);
  }

  const TrainingRequest& request_;
  std::optional<ReducedLinearSolver> reduced_linear_;
  std::optional<SampleSpaceSolver<float>> sample_space_single_;
  std::optional<SampleSpaceSolver<double>> sample_space_double_;
};

class CpuTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    ProblemTrainer trainer(request);
    std::vector<RunRecord> records;
    records.reserve(request.runs.size());
    for (const RunSpec& run : request.runs) {
      const Solver solver = choose_solver(request.solver, request.data, request.training, run);
      try {
        records.push_back(trainer.train(run, solver));
      } catch (const std::exception& error) {
        records.push_back(failed_record(run, request.data, request.training, request.record, solver, error.what()));
      }
    }
    return records;
  }
};

}  // namespace

std::unique_ptr<Trainer> make_cpu_trainer() {
  return std::make_unique<CpuTrainer>();
}

}  // namespace fasweep
