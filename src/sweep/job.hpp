// A job: grids of runs and what is recorded of them, as read from a job file. Keys and values are the table's
// (keys.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/dataset.hpp"
#include "model/initial_state.hpp"
#include "model/run_spec.hpp"
#include "sweep/grid.hpp"
#include "sweep/job_text.hpp"

namespace fasweep {

struct Job {
  std::vector<Grid> grids;           // at least one; their runs are united
  std::string record_steps;          // as written: "log(200)"
  std::vector<int> metrics;          // positions in `Metrics`, increasing
  bool has_default_metrics = false;  // whether the job left them open

  /// Data of the first run. All runs have a teacher's, or all have a data set.
  [[nodiscard]] const DataSettings& data() const { return grids.front().base().data; }
  [[nodiscard]] const TrainingSettings& training() const { return grids.front().base().training; }
};

/// Reads the data set of these settings, counts of which may be `as_in_data`, and returns its facts_of().
using ReadFacts = std::function<KeyValues(const DataSettings&)>;

/// Reads the initial state of this file and returns its facts_of().
using ReadStateFacts = std::function<KeyValues(const StateSource&)>;

/// Reads the text of a job file and applies `overrides` (from --set) on top; one of a key of [grid] replaces it in
/// every [grid] section. A grid that lists data sets becomes a grid for each. Throws ConfigError naming the key, its
/// value and what is accepted, also if a data set or an initial state is neither read by `read_facts` or
/// `read_state_facts`, called once for each, nor known by its facts among the keys. `origin` names the text in
/// messages.
[[nodiscard]] Job parse_job(std::string_view text, std::string_view origin, const KeyValues& overrides = {},
                            const ReadFacts& read_facts = {}, const ReadStateFacts& read_state_facts = {});

/// The same of a resolved text, as it is broadcast and kept in journals and result files: a missing key means
/// what was done before the key existed.
[[nodiscard]] Job parse_stored_job(std::string_view text, std::string_view origin);

/// The data sets that a job's runs read, each once, in the order of its grids; none for teachers.
[[nodiscard]] std::vector<DataSettings> data_sets_of(const Job& job);

/// The initial states of a job's runs, likewise; none where weights are drawn.
[[nodiscard]] std::vector<StateSource> initial_states_of(const Job& job);

/// What the plan of a job depends on of a data set: counts and checksum, as keys; of an initial state its checksum.
[[nodiscard]] KeyValues facts_of(const Dataset& dataset);
[[nodiscard]] KeyValues facts_of(const InitialState& state);

/// Throws ConfigError if a run has another p, d or k than its state, or biases where that has none, or the other way
/// round. states: those of the job.
void require_fitting_states(const Job& job, std::span<const InitialState> states);

/// What the job says of a key for the runs of one of its grids, in canonical form.
[[nodiscard]] std::string write_key(const Job& job, const Grid& grid, const Key& key);

/// The job as a job file with every key that applies and every value in canonical form, metrics by their names:
/// parse_stored_job(resolved_text(j)) == j. Independent of what else the program supports.
[[nodiscard]] std::string resolved_text(const Job& job);

/// Hash of a resolved text without the data set's path, without comments, and without keys whose values are those from
/// before the keys existed: names the plan, so that data may move and files of earlier versions keep their name.
[[nodiscard]] std::uint64_t plan_hash(std::string_view resolved_text);

/// Canonical "key = value" lines that name a run for all time, in the table's order, whatever else its job holds: those
/// of the settings, then those of the axes of the first version.
[[nodiscard]] std::string settings_lines(const Point& point, const Job& job);
[[nodiscard]] std::string axes_lines(const Point& point);

/// `wanted` as a continuation of results of `stored`: metrics that the job leaves open are those that were recorded,
/// and values that differ by rounding alone are those that were used.
[[nodiscard]] Job continue_job(const Job& stored, Job wanted);

/// Runs of all grids together, those that several hold counted several times; as a real number, because they may exceed
/// any integer.
[[nodiscard]] double count_points(const Job& job);

/// Whether a run may occur several times, in several grids, or in lists that advance together, or in samples: a plan
/// then compares all of them.
[[nodiscard]] bool may_repeat_runs(const Job& job);

/// Calls `visit` for one run of every combination of settings, those of the paper's five axes left out unless settings
/// follow from them.
void for_each_setting(const Job& job, const std::function<void(const Point&)>& visit);

}  // namespace fasweep
