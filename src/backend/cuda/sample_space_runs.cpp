#include "backend/cuda/sample_space_runs.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <numeric>

#include "backend/cuda/device_plan.hpp"
#include "backend/cuda/device_rules.hpp"
#include "backend/cuda/initial_state.hpp"
#include "backend/cuda/network_copy.hpp"
#include "backend/cuda/observed_sums.hpp"
#include "model/observation.hpp"
#include "model/rule/list.hpp"
#include "train/checkpoint.hpp"

namespace fasweep {
namespace {

BatchShape shape_of(const Problem& problem) {
  return {problem.samples, problem.samples + problem.test_samples, problem.width};
}

std::vector<RunParameters> parameters_of(std::span<const BatchRun> runs, int width) {
  std::vector<RunParameters> parameters;
  for (const BatchRun& run : runs) {
    parameters.push_back({static_cast<float>(run.step_size / std::sqrt(static_cast<double>(width))),
                          device_rule(run.rule), run.problem});
  }
  return parameters;
}

double square_sum(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) {
    sum += static_cast<double>(value) * static_cast<double>(value);
  }
  return sum;
}

}  // namespace

std::size_t SampleSpaceRuns::z_size() const {
  return product({batch_.rows, batch_.width});
}
std::size_t SampleSpaceRuns::moves_size() const {
  return product({batch_.samples, batch_.width});
}
std::size_t SampleSpaceRuns::partials_size() const {
  return product({batch_.blocks, batch_.rows + 1});
}

SampleSpaceRuns::SampleSpaceRuns(Stream& stream, int activation, std::span<const Problem* const> problems,
                                 std::span<const BatchRun> runs)
    : stream_(stream),
      activation_(activation),
      batch_(measure_batch(shape_of(*problems[0]), static_cast<int>(runs.size()))),
      parameters_(runs.size()),
      active_(runs.size()),
      limits_(runs.size()),
      first_step_(1),
      decays_(runs.size() * max_steps_a_chunk),
      gram_(problems.size() * product({batch_.samples, batch_.padded_rows})),
      targets_(problems.size() * product({batch_.rows})),
      feedback_(problems.size() * width()),
      initial_output_(problems.size() * width()),
      z_(runs.size() * z_size()),
      moves_(runs.size() * moves_size()),
      output_weight_(runs.size() * width()),
      partials_(2 * runs.size() * partials_size()),
      history_(runs.size() * max_steps_a_chunk * values()),
      errors_(runs.size() * values()),
      observed_(runs.size() * product({batch_.blocks, observed_values})),
      saved_z_(z_.size()),
      saved_moves_(moves_.size()),
      saved_output_weight_(output_weight_.size()),
      saved_partials_(partials_.size()) {
  assert(batch_.rows <= max_rows);
  bind_pointers();
  parameters_.upload(std::span<const RunParameters>(parameters_of(runs, batch_.width)), stream_);
  partials_.clear(stream_);
  moves_.clear(stream_);
  for (std::size_t position = 0; position < problems.size(); ++position) {
    upload_problem(position, *problems[position]);
    upload_start(position, *problems[position], runs);
  }
  std::vector<int> all(runs.size());
  std::iota(all.begin(), all.end(), 0);
  set_active(all);
}

void SampleSpaceRuns::bind_pointers() {
  batch_.parameters = parameters_.data();
  batch_.active = active_.data();
  batch_.limits = limits_.data();
  batch_.first_step = first_step_.data();
  batch_.decays = decays_.data();
  batch_.gram = gram_.data();
  batch_.targets = targets_.data();
  batch_.feedback = feedback_.data();
  batch_.initial_output = initial_output_.data();
  batch_.z = z_.data();
  batch_.moves = moves_.data();
  batch_.output_weight = output_weight_.data();
  batch_.partials = partials_.data();
  batch_.history = history_.data();
  batch_.errors = errors_.data();
  batch_.observed = observed_.data();
}

void SampleSpaceRuns::upload_problem(std::size_t position, const Problem& problem) {
  const std::vector<float> gram = transposed_gram(problem, batch_.padded_rows);
  gram_.upload(gram, stream_, position * gram.size());
  targets_.upload(to_float(problem.y), stream_, position * problem.y.size());
  feedback_.upload(to_float(problem.feedback), stream_, position * width());
  initial_output_.upload(to_float(problem.output_weight), stream_, position * width());
}

void SampleSpaceRuns::upload_start(std::size_t position, const Problem& problem, std::span<const BatchRun> runs) {
  const std::vector<float> z = initial_pre_activations(problem);
  const std::vector<float> first_values = initial_values(problem, z, activation_);
  const std::vector<float> beta = to_float(problem.output_weight);
  for (std::size_t run = 0; run < runs.size(); ++run) {
    if (static_cast<std::size_t>(runs[run].problem) == position) {
      z_.upload(z, stream_, run * z_size());
      output_weight_.upload(beta, stream_, run * width());
      partials_.upload(first_values, stream_, run * partials_size());  // all of it as the first block's part
    }
  }
}

void SampleSpaceRuns::set_active(std::span<const int> active) {
  active_.queue(active, stream_);
  if (static_cast<int>(active.size()) != active_count_) {
    full_chunk_.reset();  // the number is part of the launches it holds
  }
  active_count_ = static_cast<int>(active.size());
}

void SampleSpaceRuns::queue_steps(int count) {
  for (int offset = 0; offset < count; ++offset) {
    queue_train_step(activation_, batch_, active_count_, offset, stream_);
  }
}

void SampleSpaceRuns::advance(std::int64_t first, int count, std::span<const float> decays,
                              std::span<const std::int64_t> limits) {
  first_step_.queue(std::span<const std::int64_t>(&first, 1), stream_);
  decays_.queue(decays, stream_);
  limits_.queue(limits, stream_);
  if (count < max_steps_a_chunk) {
    queue_steps(count);
    return;
  }
  if (!full_chunk_) {
    full_chunk_ = std::make_unique<Graph>(stream_, [this] { queue_steps(max_steps_a_chunk); });
  }
  full_chunk_->launch(stream_);
}

std::vector<RunBatch::Seen> SampleSpaceRuns::seen(int count) const {
  const std::size_t entries = static_cast<std::size_t>(count) * static_cast<std::size_t>(batch_.slots);
  const std::vector<float> history = history_.download(stream_, 0, entries * values());
  std::vector<Seen> seen(entries);
  for (std::size_t entry = 0; entry < entries; ++entry) {
    const float* row = history.data() + entry * values();
    seen[entry].loss = 0.5 * square_sum({row, static_cast<std::size_t>(batch_.samples)});
    seen[entry].decayed_square = static_cast<double>(row[batch_.rows]);
  }
  return seen;
}

void SampleSpaceRuns::observe(std::int64_t step) {
  first_step_.queue(std::span<const std::int64_t>(&step, 1), stream_);
  queue_observe(activation_, batch_, active_count_, stream_);
  observed_done_.record(stream_);
  observed_done_.hold(copies_);
  errors_.queue(copies_);
  observed_.queue(copies_);
}

std::vector<Observation> SampleSpaceRuns::observations() {
  copies_.synchronize();
  const std::span<const float> errors = errors_.fetched();
  const std::span<const double> sums = observed_.fetched();
  const auto samples = static_cast<std::size_t>(batch_.samples);
  const std::size_t tests = static_cast<std::size_t>(batch_.rows) - samples;
  std::vector<Observation> observations(static_cast<std::size_t>(batch_.slots));
  for (std::size_t run = 0; run < observations.size(); ++run) {
    Observation& o = observations[run];
    const std::size_t a_run = product({batch_.blocks, observed_values});
    o = add_blocks({sums.data() + run * a_run, a_run});
    const float* row = errors.data() + run * values();
    o.squared_error = square_sum({row, samples});
    complete_single_output(tests > 0 ? square_sum({row + samples, tests}) : not_a_number, o);
  }
  return observations;
}

std::vector<SampleSpaceRuns::Part> SampleSpaceRuns::parts() {
  return {{z_, saved_z_, z_size()},
          {moves_, saved_moves_, moves_size()},
          {output_weight_, saved_output_weight_, width()},
          {partials_, saved_partials_, partials_size(), 2}};
}

template <class Visit>
void SampleSpaceRuns::for_pieces(int run, Visit visit) {
  for (const Part& part : parts()) {
    for (std::size_t piece = 0; piece < static_cast<std::size_t>(part.pieces); ++piece) {
      const std::size_t piece_begin = piece * part.now.size() / static_cast<std::size_t>(part.pieces);
      visit(part, piece_begin + static_cast<std::size_t>(run) * part.size);
    }
  }
}

void SampleSpaceRuns::save() {
  for (const Part& part : parts()) {
    part.saved.copy_from(part.now, stream_, 0, part.now.size());
  }
}

void SampleSpaceRuns::restore(int run) {
  for_pieces(
      run, [this](const Part& part, std::size_t first) { part.now.copy_from(part.saved, stream_, first, part.size); });
}

std::unique_ptr<NetworkReader> SampleSpaceRuns::copy_network(int run, const Problem& problem) const {
  const auto r = static_cast<std::size_t>(run);
  const auto read_multipliers = [moves = moves_.download(stream_, r * moves_size(), moves_size()), width = batch_.width,
                                 samples = batch_.samples](std::span<const float> /*z*/, int first,
                                                           std::span<double> multipliers) {
    copy_columns(moves, width, samples, first, multipliers);
    for (double& multiplier : multipliers) {
      multiplier = -multiplier;  // W(t) = W(0) - A^T X
    }
  };
  return std::make_unique<SampleSpaceCopy>(problem, z_.download(stream_, r * z_size(), z_size()),
                                           output_weight_.download(stream_, r * width(), width()), read_multipliers);
}

void SampleSpaceRuns::write(int run, ByteWriter& out) {
  for_pieces(run, [&](const Part& part, std::size_t first) {
    const std::vector<float> numbers = part.now.download(stream_, first, part.size);
    out.put_array(std::span<const float>(numbers));
  });
}

void SampleSpaceRuns::read(int run, ByteReader& in) {
  for_pieces(run, [&](const Part& part, std::size_t first) {
    part.now.upload(std::span<const float>(get_finite<float>(in, part.size)), stream_, first);
  });
}

std::vector<float> SampleSpaceRuns::state(int run) const {
  const auto r = static_cast<std::size_t>(run);
  std::vector<float> state = z_.download(stream_, r * z_size(), z_size());
  for (const std::vector<float>& part : {moves_.download(stream_, r * moves_size(), moves_size()),
                                         output_weight_.download(stream_, r * width(), width())}) {
    state.insert(state.end(), part.begin(), part.end());
  }
  return state;
}

}  // namespace fasweep
