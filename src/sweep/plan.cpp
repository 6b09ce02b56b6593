#include "sweep/plan.hpp"

#include <algorithm>
#include <utility>

#include "model/dataset.hpp"
#include "model/stop/monitor.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

std::int64_t count(const auto& values) {
  return static_cast<std::int64_t>(values.size());
}

/// Takes the last digit of `number` in mixed radix: the index into an axis.
template <class Value>
const Value& pick(const std::vector<Value>& axis, std::int64_t& number) {
  const std::int64_t digit = number % count(axis);
  number /= count(axis);
  return axis[static_cast<std::size_t>(digit)];
}

}  // namespace

Plan::Plan(Job job, Solver solver, Shard shard)
    : job_(std::move(job)),
      solver_(solver),
      shard_(shard),
      runs_per_problem_(count(job_.grid.ridges) * count(job_.grid.rules)),
      problems_(count(job_.grid.seeds) * count(job_.grid.widths) * count(job_.grid.activations)),
      shared_hash_(stable_hash(shared_settings_text(job_))),
      hash_(stable_hash(hashed_text(job_))) {
  for (const int activation : job_.grid.activations) {
    for (const int rule : job_.grid.rules) {
      static_cast<void>(choose_solver(solver, job_.data, job_.training, {0, 1, 0, activation, rule, 0}));
    }
  }
}

std::int64_t Plan::shard_size() const {
  return std::max<std::int64_t>(0, problems_ - shard_.index + shard_.count - 1) / shard_.count * runs_per_problem_;
}

RunSpec Plan::at(std::int64_t run) const {
  RunSpec spec;
  spec.run = run;
  spec.ridge = pick(job_.grid.ridges, run);
  spec.rule = pick(job_.grid.rules, run);
  spec.seed = pick(job_.grid.seeds, run);
  spec.width = pick(job_.grid.widths, run);
  spec.activation = pick(job_.grid.activations, run);
  spec.step_size = job_.step_size[static_cast<std::size_t>(spec.activation)];
  return spec;
}

ProblemKey Plan::problem_key(std::int64_t problem) const {
  const RunSpec spec = at(problem * runs_per_problem_);
  return {spec.seed, spec.width, spec.activation};
}

std::uint64_t Plan::identity(std::int64_t run) const {
  const RunSpec spec = at(run);
  const auto activation = static_cast<std::size_t>(spec.activation);
  return stable_hash("p = " + std::to_string(spec.width) + "\nlambda = " + format_real(spec.ridge) +
                         "\nactivation = " + std::string(Activations::names[activation]) +
                         "\nrule = " + std::string(Rules::names[static_cast<std::size_t>(spec.rule)]) + "\nseed = " +
                         std::to_string(spec.seed) + "\nstep-size = " + format_real(spec.step_size) + "\n",
                     shared_hash_);
}

Solver Plan::solver(std::int64_t run) const {
  return choose_solver(solver_, job_.data, job_.training, at(run));
}

double Plan::run_cost(std::int64_t run) const {
  const RunSpec spec = at(run);
  const TrainingSettings& training = job_.training;
  const StopMonitor monitor(training.stop, training.schedule, spec.step_size, spec.ridge, training.max_steps);
  const Solver by = solver(run);
  const bool is_double = training.precision == Precision::float64 && by != Solver::reduced_linear;
  const std::vector<std::int64_t>& recorded = job_.record.steps;
  const auto observations = std::upper_bound(recorded.begin(), recorded.end(), monitor.last_step()) - recorded.begin();
  return (static_cast<double>(monitor.last_step() + 1) * step_cost(by, job_.data, training, spec) +
          static_cast<double>(observations) *
              evaluation_cost(by, job_.data, training, traits_of(job_.record.metrics), spec)) *
         (is_double ? 2 : 1);
}

double Plan::setup_cost(std::int64_t run) const {
  return fasweep::setup_cost(solver(run), job_.data, at(run).width);
}

std::int64_t Plan::record_bytes() const {
  constexpr std::int64_t frame_bytes = 96;  // header, checksum and identity of a journal record
  const auto metrics = static_cast<std::int64_t>(job_.record.metrics.size());
  const auto points = static_cast<std::int64_t>(job_.record.steps.size());
  return frame_bytes + metrics * (points + 1) * (job_.training.precision == Precision::float64 ? 8 : 4);
}

namespace {

/// Full batch: weights, a copy that is evaluated and their gradient; pre-activations, activations and derivatives of
/// all samples. Minibatches and data sets: those of a batch, and of the evaluated chunk; the inputs once unless they
/// are sparse.
std::int64_t worker_bytes(const Job& job, std::int64_t width) {
  constexpr std::int64_t evaluated_samples = 512;
  const std::int64_t samples = std::int64_t{job.data.samples} + job.data.test_samples;
  const std::int64_t weights = 3 * width * job.data.inputs;
  if (takes_minibatches(job.training, job.data) || job.data.source != DataSource::teacher) {
    const std::int64_t batch = job.training.batch_size > 0 ? job.training.batch_size : job.data.samples;
    const bool copies_inputs = expected_density(job.data.source) >= sparse_density;
    return 8 * (weights + (3 * batch + evaluated_samples) * width + (copies_inputs ? samples * job.data.inputs : 0));
  }
  return 8 * (weights + 3 * samples * width + samples * (job.data.inputs + samples));
}

}  // namespace

PlanSize measure_plan(const Plan& plan, const Dataset* dataset) {
  const Job& job = plan.job();
  PlanSize size;
  size.data_bytes = dataset == nullptr ? 0 : memory_bytes(*dataset);
  for (std::int64_t problem = 0; problem < plan.problems(); ++problem) {
    const std::int64_t first = problem * plan.runs_per_problem();
    size.flop += plan.setup_cost(first);
    for (std::int64_t run = first; run < first + plan.runs_per_problem(); ++run) {
      size.flop += plan.run_cost(run);
    }
  }
  const auto metrics = static_cast<std::int64_t>(job.record.metrics.size());
  const auto points = static_cast<std::int64_t>(job.record.steps.size());
  const std::int64_t number = job.training.precision == Precision::float64 ? 8 : 4;
  constexpr std::int64_t columns_bytes = 80;  // axes, status, times of a row
  const std::int64_t values = metrics * (points + 1) * number;
  size.file_bytes = plan.size() * (values + columns_bytes);
  size.journal_bytes = plan.size() * plan.record_bytes();
  constexpr std::int64_t bookkeeping_bytes = 64;  // identity, status, journal position, queue share
  size.master_bytes = plan.size() * bookkeeping_bytes;
  const std::int64_t widest = *std::max_element(job.grid.widths.begin(), job.grid.widths.end());
  size.worker_bytes = worker_bytes(job, widest);
  return size;
}

}  // namespace fasweep
