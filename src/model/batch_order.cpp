#include "model/batch_order.hpp"

#include <algorithm>
#include <numeric>

#include "model/shuffle.hpp"

namespace fasweep {

BatchOrder::BatchOrder(const TrainingSettings& training, const DataSettings& data, const RunSpec& run)
    : seed_(seed_of_training(run)),
      width_(run.width),
      batch_size_(takes_minibatches(training, data) ? training.batch_size : data.samples),
      steps_an_epoch_(fasweep::steps_an_epoch(training, data)),
      shuffles_(steps_an_epoch_ > 0 && takes_minibatches(training, data) &&
                training.sample_order == SampleOrder::shuffled),
      order_(static_cast<std::size_t>(steps_an_epoch_ > 0 ? data.samples : training.batch_size)) {
  std::iota(order_.begin(), order_.end(), steps_an_epoch_ > 0 ? 0 : data.samples + data.test_samples);
}

std::span<const std::int32_t> BatchOrder::rows(std::int64_t step) {
  if (steps_an_epoch_ == 0) {
    return order_;
  }
  if (shuffles_ && epoch_ != step / steps_an_epoch_) {
    shuffle(step / steps_an_epoch_);
  }
  const std::int64_t first = step % steps_an_epoch_ * batch_size_;
  const std::int64_t count = std::min(batch_size_, static_cast<std::int64_t>(order_.size()) - first);
  return std::span<const std::int32_t>(order_).subspan(static_cast<std::size_t>(first),
                                                       static_cast<std::size_t>(count));
}

void BatchOrder::shuffle(std::int64_t epoch) {
  const std::uint64_t stride = (order_.size() + 1) / 2 * 2;  // streams are read at even positions
  fasweep::shuffle<std::int32_t>({seed_, width_, Purpose::batches}, static_cast<std::uint64_t>(epoch) * stride, order_);
  epoch_ = epoch;
}

}  // namespace fasweep
