// A job: the grid and the settings its runs share, as read from a job file. The grammar lives in one table of keys
// (job.cpp): name, default, what is accepted, how to read and how to write the value. Help, errors, the resolved text
// stored in result files and plan comparisons all follow from that table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/dataset.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

struct Grid {
  std::vector<int> widths;          // p, each >= 1
  std::vector<double> ridges;       // lambda, each >= 0
  std::vector<int> activations;     // positions in `Activations`
  std::vector<int> rules;           // positions in `Rules`
  std::vector<std::int64_t> seeds;  // each >= 0
};

struct Job {
  Grid grid;                                          // no axis empty, no value twice
  std::array<double, Activations::size> step_size{};  // eta > 0 for each activation, in the order of `Activations`
  DataSettings data;
  TrainingSettings training;
  RecordSettings record;
  std::string record_steps;  // as written, e.g. "log(200)": the grid of steps without its expansion
};

/// "section.key" and its value, in the order they are to be applied; later ones win.
using KeyValues = std::vector<std::pair<std::string, std::string>>;

/// Reads the text of a job file (Boost.Program_options config syntax) and applies `overrides` (from --set) on top.
/// Throws ConfigError naming the key, its value and what is accepted, also if the job's data set is not read yet: then
/// `overrides` must hold its facts_of(). `origin` names the text in messages.
[[nodiscard]] Job parse_job(std::string_view text, std::string_view origin, const KeyValues& overrides = {});

/// The keys of section [data] alone. Counts that the job leaves to its data set are `as_in_data`, as other keys need
/// the set to be read first.
[[nodiscard]] DataSettings parse_data_settings(std::string_view text, std::string_view origin,
                                               const KeyValues& overrides = {});

/// What the plan of a job depends on of its data set: counts and checksum, as keys.
[[nodiscard]] KeyValues facts_of(const Dataset& dataset);

/// The job as a job file with every key that applies and every value in canonical form: parse_job(resolved_text(j)) ==
/// j.
[[nodiscard]] std::string resolved_text(const Job& job);

/// resolved_text without the data set's path and without keys that came later than the first result files and are at
/// their default: names the plan, so that data may move and files written before a key was there stay readable.
[[nodiscard]] std::string hashed_text(const Job& job);

/// One line a key: name, default and what is accepted. For --help.
[[nodiscard]] std::string job_grammar_help();

/// Canonical "key = value" lines of the settings that all runs share, grid and step-size excluded, later keys at their
/// default too.
[[nodiscard]] std::string shared_settings_text(const Job& job);

/// Why results of `stored` cannot be continued as `wanted`: one line a differing key, with both values. Empty if every
/// stored run is also a run of `wanted` (the same plan or a superset).
[[nodiscard]] std::vector<std::string> plan_differences(const Job& stored, const Job& wanted);

}  // namespace fasweep
