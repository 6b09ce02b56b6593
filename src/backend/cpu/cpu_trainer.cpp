#include "backend/cpu/cpu_trainer.hpp"

#include <exception>
#include <optional>

#include "backend/cpu/layered.hpp"
#include "backend/cpu/reduced_linear.hpp"
#include "backend/cpu/sample_space.hpp"
#include "backend/cpu/weight_space.hpp"
#include "model/metric/list.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// Trains runs of one problem, whatever their settings; each solver's shared state is made when the first run needs it.
class ProblemTrainer {
 public:
  explicit ProblemTrainer(const Problem& problem) : problem_(problem) {}

  [[nodiscard]] bool is_of(const Problem& problem) const { return &problem == &problem_; }

  [[nodiscard]] RunRecord train(const TrainingRequest& request, const RunSpec& run, Solver solver) {
    if (solver == Solver::reduced_linear) {
      return made(reduced_linear_).train(request, run);
    }
    const bool single = request.training.precision == Precision::float32;
    if (solver == Solver::sample_space) {
      return single ? made(sample_space_single_).train(request, run) : made(sample_space_double_).train(request, run);
    }
    if (solver == Solver::layered) {
      return single ? train_layered<float>(request, run) : train_layered<double>(request, run);
    }
    return single ? train_weight_space<float>(request, run) : train_weight_space<double>(request, run);
  }

 private:
  template <class T>
  T& made(std::optional<T>& shared) {
    return shared ? *shared : shared.emplace(problem_);
  }

  const Problem& problem_;
  std::optional<ReducedLinearSolver> reduced_linear_;
  std::optional<SampleSpaceSolver<float>> sample_space_single_;
  std::optional<SampleSpaceSolver<double>> sample_space_double_;
};

class CpuTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    return train_together({&request, 1});
  }

  [[nodiscard]] std::vector<RunRecord> train_together(std::span<const TrainingRequest> requests) override {
    std::vector<RunRecord> records;
    std::optional<ProblemTrainer> trainer;
    for (const TrainingRequest& request : requests) {
      if (!trainer || !trainer->is_of(request.problem)) {
        trainer.emplace(request.problem);
      }
      for (const RunSpec& run : request.runs) {
        const Solver solver =
            choose_solver(request.solver, request.data, request.training, run, traits_of(request.record.metrics));
        try {
          records.push_back(trainer->train(request, run, solver));
        } catch (const std::exception& error) {
          records.push_back(failed_record(run, request.data, request.training, request.record, solver, error.what()));
        }
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
