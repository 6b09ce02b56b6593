// What is recorded of a run: the metrics, one file each in model/metric/, and the sums and snapshots they are functions
// of.
#pragma once

#include "model/metric/list.hpp"
#include "model/observation.hpp"
