#include "backend/cuda/device_plan.hpp"

namespace fasweep {

std::vector<int> choose_devices(int local_rank, int local_ranks, int devices) {
  std::vector<int> chosen;
  if (devices > 0 && local_rank >= devices) {
    chosen.push_back(local_rank % devices);
  }
  for (int device = local_rank; device < devices; device += local_ranks) {
    chosen.push_back(device);
  }
  return chosen;
}

}  // namespace fasweep
