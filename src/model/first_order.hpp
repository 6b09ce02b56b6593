// What a step really does to the errors beside what the kernels say to first order in eta.
#pragma once

namespace fasweep {

class Snapshot;

/// ||e(t+1) - e'|| / ||e(t+1) - e(t)|| of a step taken from the snapshot by a rule that the error teaches, in float64,
/// with e' = [(1 - eta lambda) I - eta (G + H)] e(t) - eta lambda y. NaN of other rules, and where the errors do not
/// change.
[[nodiscard]] double first_order_error(const Snapshot& snapshot);

}  // namespace fasweep
