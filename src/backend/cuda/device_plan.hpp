// Which devices a rank uses: a pure function of what was found out about the node.
#pragma once

#include <vector>

namespace fasweep {

/// Devices of the rank that is number `local_rank` of `local_ranks` on its node, which shows it `devices`: its share,
/// at least one, ranks in turn. Worker w uses entry w modulo the size. Empty without devices.
[[nodiscard]] std::vector<int> choose_devices(int local_rank, int local_ranks, int devices);

}  // namespace fasweep
