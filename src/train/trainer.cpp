#include "train/trainer.hpp"

#include <algorithm>
#include <iterator>

namespace fasweep {

std::vector<RunRecord> Trainer::train_together(std::span<const TrainingRequest> requests) {
  std::vector<RunRecord> records;
  for (const TrainingRequest& request : requests) {
    std::vector<RunRecord> more = train(request);
    std::move(more.begin(), more.end(), std::back_inserter(records));
  }
  return records;
}

}  // namespace fasweep
