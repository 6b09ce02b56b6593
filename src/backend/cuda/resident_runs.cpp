#include "backend/cuda/resident_runs.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <type_traits>

#include "backend/common/gram.hpp"
#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/network_copy.hpp"
#include "backend/cuda/observed_sums.hpp"
#include "model/observation.hpp"
#include "model/stop/list.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

/// The factors of steps 0..max_steps, or nothing where all are 1.
std::vector<double> factors(const Schedule& schedule, std::int64_t max_steps) {
  std::vector<double> factors;
  for (std::int64_t step = 0; step <= max_steps && !is_constant(schedule); ++step) {
    factors.push_back(schedule_factor(schedule, step));
  }
  return factors;
}

std::size_t factor_count(const Schedule& schedule, std::int64_t max_steps) {
  return is_constant(schedule) ? 0 : static_cast<std::size_t>(max_steps) + 1;
}

std::size_t matrix_size(const ResidentBatch& b) {
  return product({b.depth_tiles, b.column_tiles, kernels::lanes});
}

}  // namespace

std::size_t ResidentRuns::z_size() const {
  return product({batch_.unit_tiles, batch_.column_tiles, kernels::lanes});
}
std::size_t ResidentRuns::output_size() const {
  return product({batch_.unit_tiles, resident_units});
}

ResidentRuns::ResidentRuns(Stream& stream, int activation, const ResidentBatch& sizes, const TrainingSettings& training,
                           std::span<const std::int64_t> record_steps, std::span<const ResidentStart> starts,
                           std::span<const ResidentRun> runs)
    : stream_(stream),
      activation_(activation),
      batch_(sizes),
      problems_(runs.size()),
      runs_(runs.size()),
      order_(runs.size()),
      ticket_(1),
      record_steps_(record_steps.size()),
      ridge_factors_(factor_count(training.schedule, training.max_steps)),
      step_factors_(factor_count(training.step_schedule, training.max_steps)),
      gram_(starts.size() * matrix_size(sizes)),
      inverse_(gram_.size()),
      scales_(2 * starts.size()),
      targets_(starts.size() * product({sizes.rows})),
      initial_z_(starts.size() * z_size()),
      initial_output_(starts.size() * output_size()),
      feedback_(initial_output_.size()),
      device_progress_(runs.size()),
      z_(runs.size() * z_size()),
      output_weight_(runs.size() * output_size()),
      factor_(sizes.factor_on_chip != 0 ? 0 : product({sizes.clusters, sizes.blocks}) * matrix_size(sizes)),
      observed_(runs.size() * (record_steps.size() + 1) * product({sizes.blocks, resident_values})),
      progress_(runs.size()) {
  batch_.records = static_cast<int>(record_steps.size());
  batch_.stop_rule = training.stop.position();
  StopRules::for_each([](auto type) {
    using Values = decltype(decltype(type)::type::values);
    static_assert(std::tuple_size_v<Values> <= std::extent_v<decltype(ResidentBatch::stop_values)>);
  });
  std::copy(training.stop.values().begin(), training.stop.values().end(), batch_.stop_values);
  batch_.runs = runs_.data();
  batch_.order = order_.data();
  batch_.ticket = ticket_.data();
  batch_.record_steps = record_steps_.data();
  batch_.ridge_factors = ridge_factors_.data();
  batch_.step_factors = step_factors_.data();
  batch_.gram = gram_.data();
  batch_.inverse = inverse_.data();
  batch_.scales = scales_.data();
  batch_.targets = targets_.data();
  batch_.initial_z = initial_z_.data();
  batch_.initial_output = initial_output_.data();
  batch_.feedback = feedback_.data();
  batch_.progress = device_progress_.data();
  batch_.z = z_.data();
  batch_.output_weight = output_weight_.data();
  batch_.factor = factor_.data();
  batch_.observed = observed_.data();
  std::transform(runs.begin(), runs.end(), problems_.begin(), [](const ResidentRun& run) { return run.problem; });
  runs_.upload(runs, stream_);
  record_steps_.upload(record_steps, stream_);
  ridge_factors_.upload(factors(training.schedule, training.max_steps), stream_);
  step_factors_.upload(factors(training.step_schedule, training.max_steps), stream_);
  device_progress_.upload(progress_, stream_);
  for (std::size_t position = 0; position < starts.size(); ++position) {
    upload_start(position, starts[position]);
  }
}

void ResidentRuns::upload_start(std::size_t position, const ResidentStart& start) {
  gram_.upload(start.gram, stream_, position * start.gram.size());
  inverse_.upload(start.inverse, stream_, position * start.inverse.size());
  scales_.upload(start.scales, stream_, position * start.scales.size());
  targets_.upload(start.targets, stream_, position * start.targets.size());
  initial_z_.upload(start.z, stream_, position * start.z.size());
  initial_output_.upload(start.output_weight, stream_, position * output_size());
  feedback_.upload(start.feedback, stream_, position * output_size());
}

void ResidentRuns::train(std::span<const int> active, std::int64_t steps) {
  order_.upload(active, stream_);
  ticket_.clear(stream_);
  batch_.active = static_cast<int>(active.size());
  batch_.steps_a_launch = steps;
  queue_resident(activation_, batch_, stream_);
  progress_ = device_progress_.download(stream_, 0, progress_.size());
}

std::vector<Observation> ResidentRuns::observations(int run, int first, int count) const {
  const std::size_t size = product({batch_.blocks, resident_values});
  const std::size_t begin = (product({run, batch_.records + 1}) + static_cast<std::size_t>(first)) * size;
  const std::vector<double> sums = observed_.download(stream_, begin, product({count}) * size);
  std::vector<Observation> observations;
  for (int i = 0; i < count; ++i) {
    const double* own = sums.data() + product({i}) * size;
    Observation o = add_blocks({own, size}, resident_values);
    o.squared_error = own[resident_squared_error];
    complete_single_output(batch_.rows > batch_.samples ? own[resident_test_squared_error] : not_a_number, o);
    observations.push_back(o);
  }
  return observations;
}

template <class Visit>
void ResidentRuns::visit_places(Visit visit) const {
  std::size_t number = 0;
  for (int row = 0; row < batch_.rows; ++row) {
    for (int unit = 0; unit < batch_.width; ++unit, ++number) {
      visit(number, place_in_tiles(unit, row, batch_.column_tiles));
    }
  }
}

void ResidentRuns::write(int run, ByteWriter& out) const {
  const auto r = static_cast<std::size_t>(run);
  const ResidentProgress& progress = progress_[r];
  out.put(progress.step);
  out.put(progress.memory.previous);
  out.put(progress.memory.exploding_loss);
  out.put(progress.observations);
  out.put_array(std::span<const float>(state(run)));
}

void ResidentRuns::read(int run, ByteReader& in) {
  const auto r = static_cast<std::size_t>(run);
  ResidentProgress progress;
  progress.step = in.get<std::int64_t>();
  progress.memory = get_stop_memory(in);
  progress.observations = in.get<int>();
  const std::vector<float> state = get_finite<float>(in, product({batch_.rows + 1, batch_.width}));
  std::vector<Quad> quads(z_size());
  visit_places(
      [&](std::size_t number, const TilePlace& place) { quads[place.quad].value[place.value] = state[number]; });
  std::vector<float> beta(state.end() - batch_.width, state.end());
  beta.resize(output_size());
  z_.upload(quads, stream_, r * z_size());
  output_weight_.upload(beta, stream_, r * output_size());
  progress_[r] = progress;
  device_progress_.upload(std::span<const ResidentProgress>(&progress_[r], 1), stream_, r);
}

std::vector<float> ResidentRuns::unpack(const std::vector<Quad>& z) const {
  std::vector<float> numbers(product({batch_.rows, batch_.width}));
  visit_places([&](std::size_t number, const TilePlace& place) { numbers[number] = z[place.quad].value[place.value]; });
  return numbers;
}

std::unique_ptr<NetworkReader> ResidentRuns::copy_network(int run, const Problem& problem) const {
  /// What Z(t) - Z(0) is taken from and solved by; made when it is first asked for.
  struct Start {
    std::vector<float> z;
    GramMatrix gram;
  };
  const auto position = static_cast<std::size_t>(problems_[static_cast<std::size_t>(run)]);
  const auto read_multipliers = [this, &problem, position, start = std::optional<Start>()](
                                    std::span<const float> z, int first, std::span<double> multipliers) mutable {
    if (!start) {
      start.emplace(Start{unpack(initial_z_.download(stream_, position * z_size(), z_size())), GramMatrix(problem)});
    }
    copy_columns(z, problem.width, problem.samples, first, multipliers);
    std::vector<double> before(multipliers.size());
    copy_columns(start->z, problem.width, problem.samples, first, before);
    std::transform(multipliers.begin(), multipliers.end(), before.begin(), multipliers.begin(), std::minus<>());
    start->gram.solve(multipliers);
  };
  std::vector<float> z = state(run);
  std::vector<float> beta(z.end() - batch_.width, z.end());
  z.resize(z.size() - beta.size());
  return std::make_unique<SampleSpaceCopy>(problem, std::move(z), std::move(beta), read_multipliers);
}

std::vector<float> ResidentRuns::state(int run) const {
  const auto r = static_cast<std::size_t>(run);
  const bool has_begun = progress_[r].step > 0;  // else its state is still the problem's
  const auto first = has_begun ? r : static_cast<std::size_t>(problems_[r]);
  const std::vector<float> beta =
      (has_begun ? output_weight_ : initial_output_).download(stream_, first * output_size(), output_size());
  std::vector<float> state = unpack((has_begun ? z_ : initial_z_).download(stream_, first * z_size(), z_size()));
  state.insert(state.end(), beta.begin(), beta.begin() + batch_.width);
  return state;
}

}  // namespace fasweep
