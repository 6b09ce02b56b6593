// Whether a record is one of a plan's: what the master asks of records that arrive, and the store of those it finds in
// journals and other files. Whatever does not fit is refused, never read.
#pragma once

#include <cstdint>
#include <string>

#include "sweep/plan.hpp"
#include "train/record.hpp"

namespace fasweep {

/// Why a record with this header cannot be that of run `run` of the plan: "2 numbers a step instead of 9"; empty if it
/// can.
[[nodiscard]] std::string why_not_of_plan(const RecordHeader& header, std::int64_t run, const Plan& plan);

/// What a record that is of the plan holds and could not have been recorded: a run that ended without a diverging loss
/// and has one, final numbers that are not those of the last recorded step when they are of that step, an end that its
/// status does not have. Empty if there is nothing.
[[nodiscard]] std::string find_odd_number(const RunRecord& record, const Plan& plan);

}  // namespace fasweep
