// Which of the exact formulations of the same training would be used for a run, by what each says of itself
// (model/solver/list.hpp). The trainers themselves live in the backends.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/metric/traits.hpp"
#include "model/run_spec.hpp"
#include "model/settings.hpp"
#include "util/enum_names.hpp"

namespace fasweep {

/// automatic, then the positions in `Solvers`.
enum class Solver : std::uint8_t { automatic, weight_space, sample_space, reduced_linear, layered };
inline constexpr std::array<std::string_view, 5> solver_names{"auto", "weight-space", "sample-space", "reduced-linear",
                                                              "layered"};
static_assert(names_cover<Solver>(solver_names));

[[nodiscard]] constexpr std::string_view name_of(Solver solver) {
  return solver_names[static_cast<std::size_t>(solver)];
}

/// What one core is assumed to do when a plan turns predicted work into time, in flop/s.
inline constexpr double nominal_flop_per_second = 4e10;

/// The keys that `solver` follows. automatic: those of any solver.
[[nodiscard]] KeySet honoured_keys(Solver solver);

/// Whether `solver` computes this training exactly and shows what metrics of these traits (MetricTraits) look at.
/// automatic: always.
[[nodiscard]] bool accepts(Solver solver, const DataSettings& data, const TrainingSettings& training,
                           const RunSpec& run, unsigned traits = plain);

/// Predicted work of one training step of one run in float32, in flop at the nominal rate.
[[nodiscard]] double step_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                               const RunSpec& run);

/// Predicted work, in the same unit, of what an observation with metrics of these traits (MetricTraits) evaluates
/// besides the step's own samples: all training samples, the test samples. Only weight-space and layered have any.
[[nodiscard]] double evaluation_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                                     unsigned traits, const RunSpec& run);

/// Predicted work of the metrics of the second tier among these (positions in `Metrics`) at one recorded step, in flop
/// at the nominal rate; 0 if there is none.
[[nodiscard]] double snapshot_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                                   const std::vector<int>& metrics, const RunSpec& run);

/// Predicted work at every step, recorded or not, of the metrics that see all of them (model/run_memory.hpp).
[[nodiscard]] double memory_cost(Solver solver, const DataSettings& data, const TrainingSettings& training,
                                 const std::vector<int>& metrics, const RunSpec& run);

/// Predicted work of making the problem and the solver's own start, in flop; runs of one problem share it.
[[nodiscard]] double setup_cost(Solver solver, const DataSettings& data, int width);

/// The solver that `wanted` means for a run whose metrics have these traits: itself, or under automatic the cheapest
/// that accepts the run. Throws ConfigError, naming the solvers that would do, if `wanted` does not accept the run.
[[nodiscard]] Solver choose_solver(Solver wanted, const DataSettings& data, const TrainingSettings& training,
                                   const RunSpec& run, unsigned traits = plain);

}  // namespace fasweep
