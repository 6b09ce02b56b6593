#include "sweep/plan.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "model/batch_order.hpp"
#include "model/dataset.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/snapshot.hpp"
#include "model/stop/list.hpp"
#include "model/stop/monitor.hpp"
#include "sweep/recorded_steps.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

std::int64_t count(const auto& values) {
  return static_cast<std::int64_t>(values.size());
}

/// Combinations of a grid's values of which something is remembered.
constexpr std::int64_t most_kept = 20'000;

/// The last step a run may come to.
std::int64_t last_step_of(const Point& point) {
  const TrainingSettings& t = point.training;
  return StopMonitor(t.stop, t.schedule, point.run.step_size, point.run.ridge, t.max_steps, t.step_schedule)
      .last_step();
}

/// What decides which steps are recorded: max-steps, and steps an epoch.
std::pair<std::int64_t, std::int64_t> length_of(const Point& point) {
  return {point.training.max_steps, steps_an_epoch(point.training, point.data)};
}

}  // namespace

Plan::Plan(Job job, Solver solver, Shard shard)
    : job_(std::make_shared<const Job>(std::move(job))),
      solver_(solver),
      shard_(shard),
      hash_(plan_hash(resolved_text(*job_))) {
  for (const Grid& grid : job_->grids) {
    add_grid(grid);
  }
  if (may_repeat_runs(*job_)) {
    drop_repeats();
  }
  collect_steps();
  collect_layout();
  const std::vector<const Key*> choices{&key_called("grid.activation"), &key_called("grid.rule")};
  for (const Grid& grid : job_->grids) {
    grid.for_each_combination(choices, [&](const Point& point) {
      static_cast<void>(choose_solver(solver, point.data, point.training, point.run, traits_of(job_->metrics)));
    });
  }
  for (Block& block : blocks_) {
    price(block);
  }
}

void Plan::add_grid(const Grid& grid) {
  Block block;
  block.grid = &grid;
  block.first_run = size_;
  block.first_problem = problems_;
  block.problems = grid.problems();
  block.runs = block.problems * grid.runs_per_problem();
  std::vector<const Key*> settings;
  for (const Key& key : all_keys()) {
    if (is_setting(key)) {
      settings.push_back(&key);
    }
  }
  block.settings = grid.dimensions_of(settings);
  if (const std::int64_t combinations = grid.combinations(block.settings); combinations <= most_kept) {
    for (std::int64_t i = 0; i < combinations; ++i) {
      const Point point = grid.at(grid.first_of_combination(i, block.settings));
      block.hashes.push_back(stable_hash(settings_lines(point, *job_)));
    }
  }
  size_ += block.runs;
  problems_ += block.problems;
  blocks_.push_back(std::move(block));
}

/// Runs that several grids hold belong to the first of them; points of a sample may meet when they are rounded.
void Plan::drop_repeats() {
  std::unordered_set<std::uint64_t> seen;
  seen.reserve(static_cast<std::size_t>(size_));
  size_ = 0;
  problems_ = 0;
  for (Block& block : blocks_) {
    block.first_run = size_;
    block.first_problem = problems_;
    const std::int64_t per_problem = block.grid->runs_per_problem();
    std::vector<std::int64_t> kept;
    std::vector<std::int64_t> ends;
    for (std::int64_t index = 0; index < block.runs; ++index) {
      if (seen.insert(identity_in(block, index)).second) {
        const bool begins = kept.empty() || kept.back() / per_problem != index / per_problem;
        if (begins && !kept.empty()) {
          ends.push_back(count(kept));
        }
        kept.push_back(index);
      }
    }
    if (!kept.empty()) {
      ends.push_back(count(kept));
    }
    if (count(kept) < block.runs) {
      block.runs = count(kept);
      block.problems = count(ends);
      block.kept = std::move(kept);
      block.problem_ends = std::move(ends);
    }
    size_ += block.runs;
    problems_ += block.problems;
  }
  std::erase_if(blocks_, [](const Block& block) { return block.runs == 0; });
}

void Plan::collect_steps() {
  std::set<std::int64_t> all;
  for_each_setting(*job_, [&](const Point& point) {
    precision_ = std::max(precision_, point.training.precision);
    const auto [place, is_new] = steps_.try_emplace(length_of(point));
    if (is_new) {
      place->second = expand_steps(job_->record_steps, place->first.first, place->first.second);
      all.insert(place->second.begin(), place->second.end());
    }
  });
  all_steps_.assign(all.begin(), all.end());
}

void Plan::collect_layout() {
  const std::vector<const Key*> sizes{&key_called("grid.p"),       &key_called("data.n"),
                                      &key_called("data.d"),       &key_called("data.outputs"),
                                      &key_called("data.test-n"),  &key_called("grid.depth"),
                                      &key_called("data.teacher"), &key_called("data.teacher-width")};
  for (const Grid& grid : job_->grids) {
    grid.for_each_combination(sizes, [&](const Point& point) { layout_ = widen(std::move(layout_), layout(point)); });
  }
}

const Plan::Block& Plan::block_of(std::int64_t run) const {
  auto block = blocks_.begin();
  while (run >= block->first_run + block->runs) {
    ++block;
  }
  return *block;
}

std::int64_t Plan::index_in(const Block& block, std::int64_t run) const {
  const std::int64_t number = run - block.first_run;
  return block.kept.empty() ? number : block.kept[static_cast<std::size_t>(number)];
}

RunRange Plan::runs_of(std::int64_t problem) const {
  auto block = blocks_.begin();
  while (problem >= block->first_problem + block->problems) {
    ++block;
  }
  const std::int64_t number = problem - block->first_problem;
  if (block->kept.empty()) {
    const std::int64_t per_problem = block->grid->runs_per_problem();
    return {block->first_run + number * per_problem, per_problem};
  }
  const auto end = block->problem_ends.begin() + number;
  const std::int64_t first = number == 0 ? 0 : end[-1];
  return {block->first_run + first, *end - first};
}

std::int64_t Plan::problem_of(std::int64_t run) const {
  const Block& block = block_of(run);
  const std::int64_t number = run - block.first_run;
  if (block.kept.empty()) {
    return block.first_problem + number / block.grid->runs_per_problem();
  }
  const auto end = std::upper_bound(block.problem_ends.begin(), block.problem_ends.end(), number);
  return block.first_problem + (end - block.problem_ends.begin());
}

std::int64_t Plan::shard_size() const {
  if (shard_.count == 1) {
    return size_;
  }
  std::int64_t runs = 0;
  for (std::int64_t problem = shard_.index; problem < problems_; problem += shard_.count) {
    runs += runs_of(problem).count;
  }
  return runs;
}

Point Plan::point(std::int64_t run) const {
  const Block& block = block_of(run);
  Point point = block.grid->at(index_in(block, run));
  point.run.run = run;
  return point;
}

RunSettings Plan::settings(Point point) const {
  const std::vector<std::int64_t>& steps = recorded_steps(point);
  return {std::move(point.data), std::move(point.training), {steps, job_->metrics}};
}

const std::vector<std::int64_t>& Plan::recorded_steps(const Point& point) const {
  return steps_.at(length_of(point));
}

MetricLayout Plan::layout(const Point& point) const {
  return values_of(job_->metrics, sizes_of(point.data, point.training, point.run.width));
}

std::vector<const Key*> Plan::axes() const {
  std::vector<const Key*> keys;
  for (const Key& key : all_keys()) {
    const auto varies = [&](const Grid& grid) {
      const Axis* axis = grid.find_axis(key);
      return (axis != nullptr && (axis->numbers.size() > 1 || key.kind != KeyKind::text)) ||
             grid.write(key) != job_->grids.front().write(key);
    };
    const bool has_value = !key.column.empty() && applies(key, job_->data().source);
    if (is_paper_axis(key) || (has_value && std::any_of(job_->grids.begin(), job_->grids.end(), varies))) {
      keys.push_back(&key);
    }
  }
  return keys;
}

std::vector<const Key*> Plan::columns() const {
  std::vector<const Key*> keys = axes();
  for (const char* name : {"training.step-size", "data.n", "data.d", "data.outputs"}) {
    if (const Key* key = &key_called(name); std::find(keys.begin(), keys.end(), key) == keys.end()) {
      keys.push_back(key);
    }
  }
  return keys;
}

std::uint64_t Plan::identity_in(const Block& block, std::int64_t index) const {
  const Point point = block.grid->at(index);
  const std::uint64_t settings =
      block.hashes.empty() ? stable_hash(settings_lines(point, *job_))
                           : block.hashes[static_cast<std::size_t>(block.grid->combination_of(index, block.settings))];
  return stable_hash(axes_lines(point), settings);
}

std::uint64_t Plan::identity(std::int64_t run) const {
  const Block& block = block_of(run);
  return identity_in(block, index_in(block, run));
}

/// Recorded steps a run may come to.
double Plan::observations(const Point& point) const {
  const std::vector<std::int64_t>& recorded = recorded_steps(point);
  return static_cast<double>(std::upper_bound(recorded.begin(), recorded.end(), last_step_of(point)) -
                             recorded.begin());
}

Plan::Cost Plan::cost_of(const Point& point) const {
  const TrainingSettings& training = point.training;
  const Solver by = choose_solver(solver_, point.data, training, point.run, traits_of(job_->metrics));
  const bool is_double = training.precision == Precision::float64 && by != Solver::reduced_linear;
  Cost cost{.solver = by, .setup = fasweep::setup_cost(by, point.data, point.run.width)};
  if (reads_snapshot(job_->metrics)) {
    cost.snapshot =
        observations(point) * fasweep::snapshot_cost(by, point.data, training, job_->metrics, point.run) +
        static_cast<double>(last_step_of(point)) * memory_cost(by, point.data, training, job_->metrics, point.run);
  }
  cost.run = (static_cast<double>(last_step_of(point) + 1) * step_cost(by, point.data, training, point.run) +
              observations(point) * evaluation_cost(by, point.data, training, traits_of(job_->metrics), point.run)) *
                 (is_double ? 2 : 1) +
             cost.snapshot;
  return cost;
}

void Plan::price(Block& block) const {
  const Grid& grid = *block.grid;
  const bool by_ridge = grid.write(key_called("training.stop")).find(RidgeTimeStop::name) != std::string::npos;
  std::vector<const Key*> keys;
  for (const Key& key : all_keys()) {
    if (key.short_name() != "seed" && (by_ridge || key.name != "grid.lambda")) {
      keys.push_back(&key);
    }
  }
  block.pricing = grid.dimensions_of(keys);
  if (const std::int64_t combinations = grid.combinations(block.pricing); combinations <= most_kept) {
    for (std::int64_t i = 0; i < combinations; ++i) {
      block.costs.push_back(cost_of(grid.at(grid.first_of_combination(i, block.pricing))));
    }
  }
}

Plan::Cost Plan::cost_in(const Block& block, std::int64_t index) const {
  return block.costs.empty() ? cost_of(block.grid->at(index))
                             : block.costs[static_cast<std::size_t>(block.grid->combination_of(index, block.pricing))];
}

Plan::Cost Plan::cost(std::int64_t run) const {
  const Block& block = block_of(run);
  return cost_in(block, index_in(block, run));
}

void Plan::for_each_kind(const std::function<void(const Kind& kind)>& visit) const {
  for (const Block& block : blocks_) {
    const std::int64_t per_problem = block.grid->runs_per_problem();
    if (!block.kept.empty()) {
      std::int64_t problem = -1;
      for (const std::int64_t index : block.kept) {
        const bool begins = std::exchange(problem, index / per_problem) != problem;
        visit({cost_in(block, index), 1, begins ? 1 : 0});
      }
      continue;
    }
    const std::int64_t kinds = block.grid->combinations(block.pricing);
    std::int64_t first_kinds = 0;  // that begin problems
    for (std::int64_t kind = 0; kind < kinds; ++kind) {
      first_kinds += block.grid->first_of_combination(kind, block.pricing) % per_problem == 0 ? 1 : 0;
    }
    for (std::int64_t kind = 0; kind < kinds; ++kind) {
      const std::int64_t first = block.grid->first_of_combination(kind, block.pricing);
      visit({cost_in(block, first), block.runs / kinds, first % per_problem == 0 ? block.problems / first_kinds : 0});
    }
  }
}

std::int64_t Plan::record_bytes() const {
  constexpr std::int64_t frame_bytes = 96;  // header, checksum and identity of a journal record
  std::int64_t points = 0;
  for (const auto& [key, steps] : steps_) {
    points = std::max(points, count(steps));
  }
  return frame_bytes +
         static_cast<std::int64_t>(layout_.values) * (points + 1) * (precision_ == Precision::float64 ? 8 : 4);
}

namespace {

/// What comes back to every layer by two ways, gradients of a layer by both, its feedback and forward weights in
/// float64, and the products of its values.
std::int64_t layers_numbers(const NetworkSizes& sizes) {
  const std::int64_t p = sizes.width;
  const std::int64_t n = sizes.batch;
  const std::int64_t least = std::min(p, n);
  return p * (4 * n * sizes.depth + 4 * std::max<std::int64_t>(p, sizes.inputs) + n) + least * least;
}

/// A block of a snapshot's hidden units and of the change of their weights, the n x n matrix of a spectrum and what
/// takes its eigenvalues, and the numbers of all steps, as they are evaluated and as they are recorded.
std::int64_t snapshot_bytes(const Plan& plan, const Point& point) {
  if (!reads_snapshot(plan.metrics())) {
    return 0;
  }
  const NetworkSizes sizes = sizes_of(point.data, point.training, point.run.width);
  const auto numbers = static_cast<std::int64_t>(plan.layout(point).values) * count(plan.recorded_steps(point));
  if (std::ranges::all_of(plan.metrics(), [](int metric) {
        return !reads_snapshot(metric) || (traits_of(metric) & sees_layers) != 0;
      })) {
    return 8 * (layers_numbers(sizes) + 2 * numbers);
  }
  const std::int64_t block = std::int64_t{snapshot_block_units(sizes)} * (3 * sizes.rows() + sizes.inputs);
  const std::int64_t n = sizes.samples;
  return 8 * (block + 2 * n * n + 2 * numbers);
}

/// Full batch: weights, a copy that is evaluated and their gradient; pre-activations, activations and derivatives of
/// all samples. Minibatches and data sets: those of a batch, and of the evaluated chunk; the inputs once unless they
/// are sparse. Hidden layers after the first have feedback weights as large as their weights, and each layer also keeps
/// what comes back to it; inverse layers add what one of them learns from. Beside them what an optimizer keeps of each
/// weight, and errors that come late.
std::int64_t worker_bytes(const Point& point) {
  constexpr std::int64_t evaluated_samples = 512;
  const DataSettings& data = point.data;
  const std::int64_t width = point.run.width;
  const std::int64_t samples = std::int64_t{data.samples} + data.test_samples;
  const std::int64_t inner = point.training.depth - 1;
  const int moments =
      Optimizers::visit(point.training.optimizer.position(), [](auto type) { return decltype(type)::type::moments; });
  const bool is_whole = is_made_whole(point.training.initial_weights) || !point.training.initial_state.path.empty();
  const std::int64_t kept = is_whole ? 1 : 0;  // W(0) beside W
  const std::int64_t weights = (3 + kept + moments) * width * data.inputs +
                               (inner > 0 ? (3 + kept + moments) * inner + 2 : 0) * width * width +
                               std::int64_t{point.training.error_delay} * data.samples * data.outputs;
  const std::int64_t numbers_a_unit = 3 + 5 * inner + (propagates_targets(point.run.rule) ? 7 : 0);
  if (takes_minibatches(point.training, data) || data.source != DataSource::teacher) {
    const std::int64_t batch = point.training.batch_size > 0 ? point.training.batch_size : data.samples;
    const bool copies_inputs = traits_of(data.source).density >= sparse_density;
    return 8 * (weights + (numbers_a_unit * batch + evaluated_samples) * width +
                (copies_inputs ? samples * data.inputs : 0));
  }
  return 8 * (weights + numbers_a_unit * samples * width + samples * (data.inputs + samples));
}

/// Bytes of a row's columns in the result file, without its metrics.
std::int64_t row_bytes(const Plan& plan) {
  constexpr std::int64_t number = 8;
  constexpr std::int64_t name = 64;  // HDF5's reference to a text, the head of the text, and it
  constexpr std::int64_t own_columns = 5 * number + 3 * name;  // run, steps, worker, times; status, stop reason, solver
  std::int64_t bytes = own_columns;
  for (const Key* key : plan.columns()) {
    bytes += key->is_number() ? number : name;
    std::int64_t longest = 0;
    for (const Grid& grid : plan.job().grids) {
      longest = std::max(longest, count(grid.write(*key)));
    }
    bytes += key->kind == KeyKind::call ? name + longest : 0;  // with its numbers written out
  }
  return bytes;
}

}  // namespace

PlanSize measure_plan(const Plan& plan, std::span<const Dataset> datasets) {
  PlanSize size;
  for (const Dataset& dataset : datasets) {
    size.data_bytes += memory_bytes(dataset);
  }
  plan.for_each_kind([&](const Plan::Kind& kind) {
    const auto runs = static_cast<double>(kind.runs);
    size.flop += runs * kind.cost.run + static_cast<double>(kind.problems) * kind.cost.setup;
    size.snapshot_flop += runs * kind.cost.snapshot;
  });
  for (const Grid& grid : plan.job().grids) {
    std::vector<const Key*> sizes{&key_called("grid.p"),
                                  &key_called("data.n"),
                                  &key_called("data.d"),
                                  &key_called("data.test-n"),
                                  &key_called("training.batch-size"),
                                  &key_called("training.optimizer"),
                                  &key_called("training.error-delay"),
                                  &key_called("grid.depth")};
    grid.for_each_combination(sizes, [&](const Point& point) {
      size.worker_bytes = std::max(size.worker_bytes, worker_bytes(point) + snapshot_bytes(plan, point));
    });
  }
  const std::int64_t number = plan.precision() == Precision::float64 ? 8 : 4;
  const std::int64_t columns_bytes = row_bytes(plan);
  constexpr std::int64_t constant_bytes = 128 * 1024;  // HDF5's own, whatever the plan
  const auto values = static_cast<std::int64_t>(plan.layout().values) * (count(plan.recorded_steps()) + 1) * number;
  size.file_bytes = plan.size() * (values + columns_bytes) + constant_bytes;
  size.journal_bytes = plan.size() * plan.record_bytes();
  constexpr std::int64_t run_bytes = 8 + 31;  // where its record is, and its columns while the file is written
  constexpr std::int64_t problem_bytes = 40;  // in the queue
  size.master_bytes = plan.size() * run_bytes + plan.problems() * problem_bytes;
  return size;
}

}  // namespace fasweep
