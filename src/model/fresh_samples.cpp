#include "model/fresh_samples.hpp"

#include <algorithm>
#include <cassert>

#include "model/teacher.hpp"

namespace fasweep {
namespace {

/// Steps whose inputs fill a megabyte, and no more than a short run has.
std::int64_t steps_of_chunk(const DataSettings& data, int batch_size) {
  constexpr std::int64_t most_numbers = 1 << 17;
  constexpr std::int64_t most_steps = 512;
  return std::clamp<std::int64_t>(most_numbers / (std::int64_t{batch_size} * data.inputs), 1, most_steps);
}

/// Rows first, first + 1, ... of a stream in which each row begins at an even position.
std::vector<double> draw_rows(const RandomStream& stream, std::int64_t first, std::int64_t count, int columns) {
  const auto size = static_cast<std::size_t>(columns);
  const std::size_t stride = (size + 1) / 2 * 2;
  std::vector<double> rows(static_cast<std::size_t>(count) * size);
  for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
    stream.fill_normal(std::span(rows).subspan(row * size, size), (static_cast<std::size_t>(first) + row) * stride);
  }
  return rows;
}

}  // namespace

DrawnSamples draw_fresh_samples(const DataSettings& data, const ProblemKey& key, std::int64_t first,
                                std::int64_t count) {
  DrawnSamples samples;
  samples.x = draw_rows(data_stream(data, key, Purpose::fresh_inputs), first, count, data.inputs);
  scale_inputs(data, samples.x);
  samples.y = Teacher(data, key).targets(samples.x);
  if (data.label_noise > 0) {
    const std::vector<double> noise =
        draw_rows(data_stream(data, key, Purpose::fresh_noise), first, count, data.outputs);
    for (std::size_t i = 0; i < noise.size(); ++i) {
      samples.y[i] += data.label_noise * noise[i];
    }
  }
  return samples;
}

FreshSamples::FreshSamples(const DataSettings& data, const TrainingSettings& training, const RunSpec& run)
    : data_(data),
      key_(problem_key(run)),
      batch_size_(training.batch_size),
      steps_a_chunk_(steps_of_chunk(data, batch_size_)) {
  assert(batch_size_ >= 1);
}

FreshSamples::Batch FreshSamples::of_step(std::int64_t step) {
  if (step / steps_a_chunk_ != chunk_) {
    chunk_ = step / steps_a_chunk_;
    const std::int64_t samples = steps_a_chunk_ * batch_size_;
    drawn_ = draw_fresh_samples(data_, key_, chunk_ * samples, samples);
  }
  const auto batch = static_cast<std::size_t>(batch_size_);
  const auto first = static_cast<std::size_t>(step % steps_a_chunk_) * batch;
  const auto rows = [&](const std::vector<double>& numbers, int columns) {
    const auto size = static_cast<std::size_t>(columns);
    return std::span(numbers).subspan(first * size, batch * size);
  };
  return {rows(drawn_.x, data_.inputs), rows(drawn_.y, data_.outputs)};
}

}  // namespace fasweep
