#include "store/result_file.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "hdf5/hdf5_reading.hpp"
#include "hdf5/hdf5_writing.hpp"
#include "model/metric/list.hpp"
#include "model/stop/list.hpp"
#include "store/file_seal.hpp"
#include "store/journal.hpp"
#include "store/record_check.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;
using hdf5::check;
using hdf5::Handle;
using hdf5::shape_of;

/// Throws DamagedError if the file carries a seal and is not what was sealed.
bool check_seal_of(const fs::path& path) {
  if (!fs::exists(path) || hdf5::is_being_written(path)) {
    return false;  // opening it says so
  }
  const MappedFile map(path);
  const SealState state = check_seal(map.bytes(), [&](std::int64_t bytes) { map.forget_before(bytes); });
  if (state == SealState::broken) {
    throw DamagedError("file '" + path.string() +
                       "' is damaged (its bytes are not those that were written); if its journal exists, run fasweep "
                       "verify --repair, else take it from a backup");
  }
  return state == SealState::whole;
}

Handle open_result(const fs::path& path) {
  hdf5::prepare_library();
  if (!fs::exists(path)) {
    throw ConfigError("file '" + path.string() + "' cannot be read (no such file); give the path of a result file");
  }
  if (!hdf5::is_being_written(path) && H5Fis_hdf5(path.c_str()) <= 0) {
    throw ConfigError("file '" + path.string() +
                      "' is not a fasweep result file (not HDF5); give the path of a result file");
  }
  Handle file = hdf5::open_file(path);
  if (H5Aexists(file.id(), "schema") <= 0) {
    throw ConfigError("file '" + path.string() +
                      "' is not a fasweep result file (no attribute 'schema'); give the path of a result file");
  }
  return file;
}

/// The text of the stored job.
std::string read_job_text(hid_t file, const fs::path& path) {
  const std::string schema = hdf5::read_text_attribute(file, "schema");
  if (schema != result_schema && schema != first_result_schema) {
    throw ConfigError("file '" + path.string() + "' has schema '" + schema + "' (this program reads '" + result_schema +
                      "' and '" + first_result_schema + "'); use the version of fasweep that wrote it");
  }
  return hdf5::read_text(file, "provenance/job");
}

std::string metric_name(int metric) {
  return std::string(Metrics::names[static_cast<std::size_t>(metric)]);
}

/// "run 12: why" lines of the provenance, by run.
std::unordered_map<std::int64_t, std::string> read_failures(const std::string& lines) {
  constexpr std::string_view prefix = "run ";
  std::unordered_map<std::int64_t, std::string> failures;
  for (const std::string_view line : split(lines, '\n')) {
    const std::size_t colon = line.find(": ");
    if (!line.starts_with(prefix) || colon == std::string_view::npos) {
      continue;
    }
    if (const auto run = parse_integer(line.substr(prefix.size(), colon - prefix.size()))) {
      failures.emplace(*run, line.substr(colon + 2));
    }
  }
  return failures;
}

/// Recorded steps a run reached.
std::uint32_t count_points(const std::vector<std::int64_t>& recorded, RunStatus status, std::int64_t steps) {
  if (status == RunStatus::failed || status == RunStatus::pending) {
    return 0;
  }
  return static_cast<std::uint32_t>(std::upper_bound(recorded.begin(), recorded.end(), steps) - recorded.begin());
}

/// Whether a row of every metric's slab is NaN but at `places` of its columns.
bool is_empty_elsewhere(const std::vector<std::vector<double>>& slabs, const MetricLayout& layout, std::size_t row,
                        std::size_t columns, const std::vector<std::size_t>& places) {
  for (std::size_t column = 0; column < columns; ++column) {
    if (std::binary_search(places.begin(), places.end(), column)) {
      continue;
    }
    for (std::size_t i = 0; i < slabs.size(); ++i) {
      const auto cell =
          slabs[i].begin() + static_cast<std::ptrdiff_t>((row * columns + column) * layout.places[i].size);
      if (!std::all_of(cell, cell + static_cast<std::ptrdiff_t>(layout.places[i].size),
                       [](double value) { return std::isnan(value); })) {
        return false;
      }
    }
  }
  return true;
}

/// Position of a name in the list. Throws DamagedError for one that is not there.
template <class Names>
std::uint8_t code_of(const std::string& name, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw DamagedError("'" + name + "' is not one of " + join(names, ", "));
  }
  return static_cast<std::uint8_t>(found - names.begin());
}

}  // namespace

fs::path journal_path(const fs::path& file) {
  return resolve_link(file).string() + ".journal";
}

fs::path resolve_link(fs::path path) {
  constexpr int most_links = 40;  // as many as Linux follows
  std::error_code error;
  for (int links = 0; links < most_links && fs::is_symlink(path, error); ++links) {
    path = path.parent_path() / fs::read_symlink(path);
  }
  return path;
}

ResultFile::ResultFile(const fs::path& path, SealCheck seal_check) try
    : path_(path),
      sealed_(seal_check == SealCheck::yes && check_seal_of(path)),
      file_([&] {
        const auto guarded = guard();
        return open_result(path);
      }()),
      plan_(parse_stored_job(
          [&] {
            const auto guarded = guard();
            return read_job_text(file_.id(), path);
          }(),
          path.string())) {
  const auto guarded = guard();
  is_first_schema_ = hdf5::read_text_attribute(file_.id(), "schema") == first_result_schema;
  complete_ = hdf5::read_whole_attribute(file_.id(), "complete") == 1;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    counts_[i] = hdf5::read_whole_attribute(file_.id(), "count_" + std::string(run_status_names[i]));
  }
  const Handle rows(H5Dopen2(file_.id(), "run", H5P_DEFAULT), H5Dclose, "opening run");
  if (shape_of(rows.id()) != std::vector<hsize_t>{static_cast<hsize_t>(plan_.size())}) {
    throw DamagedError("its rows are not as many as its plan's runs, " + std::to_string(plan_.size()));
  }
  const auto read = [&](const char* name) { return hdf5::read_text(file_.id(), std::string("provenance/") + name); };
  provenance_ = {read("build"), read("sessions"), read("agents"), read("failures")};
} catch (const StoreError& error) {
  throw DamagedError("file '" + path.string() + "' cannot be read (" + error.what() +
                     "); if its journal exists, run fasweep verify --repair");
} catch (const DamagedError& error) {
  const std::string what = error.what();
  throw DamagedError(what.find(path.string()) != std::string::npos
                         ? what
                         : "file '" + path.string() + "' is damaged (" + what +
                               "); if its journal exists, run fasweep verify --repair");
}

std::optional<DamageGuard> ResultFile::guard() const {
  if (sealed_) {
    return std::nullopt;
  }
  return std::optional<DamageGuard>(std::in_place, path_.string());
}

template <class Number>
std::vector<Number> ResultFile::read_column(const std::string& name) const {
  const auto guarded = guard();
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  hdf5::require_type(dataset.id(), hdf5::number_type<Number>(), name);
  if (shape_of(dataset.id()) != std::vector<hsize_t>{static_cast<hsize_t>(plan_.size())}) {
    throw DamagedError("dataset '" + name + "' does not have one number for each run of the plan");
  }
  std::vector<Number> values(static_cast<std::size_t>(plan_.size()));
  check(H5Dread(dataset.id(), hdf5::number_type<Number>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "reading " + name);
  return values;
}

std::vector<std::string> ResultFile::read_texts(const std::string& name) const {
  const auto guarded = guard();
  return hdf5::read_texts(file_.id(), name, static_cast<hsize_t>(plan_.size()));
}

template <class Names>
std::vector<std::uint8_t> ResultFile::read_codes(const std::string& name, const Names& names) const {
  std::vector<std::uint8_t> codes;
  if (is_first_schema_) {
    codes = read_column<std::uint8_t>(name);
  } else {
    for (const std::string& text : read_texts(name)) {
      codes.push_back(code_of(text, names));
    }
  }
  const auto unknown =
      std::find_if(codes.begin(), codes.end(), [&](std::uint8_t code) { return code >= names.size(); });
  if (unknown != codes.end()) {
    throw DamagedError(name + " " + std::to_string(*unknown) + " is not known");
  }
  return codes;
}

std::vector<RunStatus> ResultFile::read_statuses() const try {
  std::vector<RunStatus> statuses;
  for (const std::uint8_t code : read_codes("status", run_status_names)) {
    statuses.push_back(static_cast<RunStatus>(code));
  }
  return statuses;
} catch (const StoreError& error) {
  throw unreadable(error);
}

double ResultFile::training_seconds() const try {
  if (!is_first_schema_) {
    const auto guarded = guard();
    const Handle group(H5Gopen2(file_.id(), "provenance", H5P_DEFAULT), H5Gclose, "opening /provenance");
    return hdf5::read_real_attribute(group.id(), "training_seconds");
  }
  double seconds = 0;
  for (const double wall_s : read_column<double>("wall_s")) {
    seconds += std::isnan(wall_s) ? 0 : wall_s;
  }
  return seconds;
} catch (const StoreError& error) {
  throw unreadable(error);
}

std::vector<double> ResultFile::read_rows(const std::string& name, std::vector<hsize_t> shape, std::int64_t first,
                                          std::int64_t count) const {
  const auto guarded = guard();
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  shape.insert(shape.begin(), static_cast<hsize_t>(plan_.size()));
  if (shape_of(dataset.id()) != shape) {
    throw DamagedError("dataset '" + name + "' does not have the shape that the plan gives");
  }
  hdf5::require_type(dataset.id(), plan_.precision() == Precision::float32 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE, name);
  std::vector<hsize_t> start(shape.size(), 0);
  start[0] = static_cast<hsize_t>(first);
  shape[0] = static_cast<hsize_t>(count);
  return hdf5::read_slab(dataset, start, shape, name);
}

bool ResultFile::has_first_step_deviations() const {
  const auto guarded = guard();
  return H5Lexists(file_.id(), first_step_column, H5P_DEFAULT) > 0;
}

std::vector<double> ResultFile::read_first_step_deviations() const {
  if (has_first_step_deviations()) {
    return read_column<double>(first_step_column);
  }
  return std::vector<double>(static_cast<std::size_t>(plan_.size()), not_a_number);
}

void ResultFile::for_each_record(const std::function<void(const RunRecord&)>& visit) const {
  for_each_record(0, plan_.size(), visit);
}

std::optional<RunRecord> ResultFile::read_record(std::int64_t run) const {
  std::optional<RunRecord> found;
  for_each_record(run, run + 1, [&](const RunRecord& record) { found = record; });
  return found;
}

void ResultFile::for_each_record(std::int64_t begin, std::int64_t end,
                                 const std::function<void(const RunRecord&)>& visit) const try {
  const MetricLayout& layout = plan_.layout();
  const std::size_t columns = plan_.recorded_steps().size();
  const auto status = read_codes("status", run_status_names);
  const auto reason = read_codes("stop_reason", stop_reason_names);
  const auto solver = read_codes("solver", solver_names);
  const auto steps = read_column<std::int64_t>("steps");
  const auto worker = read_column<std::int32_t>("worker");
  const auto wall_s = read_column<double>("wall_s");
  const auto finished_at = read_column<double>("finished_at");
  const auto first_step_deviation = read_first_step_deviations();
  const auto failures = read_failures(provenance_.failures);
  constexpr std::size_t slab_numbers = std::size_t{1} << 20U;
  constexpr std::size_t most_rows = 4096;
  const auto slab_rows =
      static_cast<std::int64_t>(std::clamp<std::size_t>(slab_numbers / (columns * layout.values), 1, most_rows));
  std::vector<std::vector<double>> slabs(layout.places.size());
  std::vector<std::vector<double>> finals(layout.places.size());
  for (std::int64_t first = begin; first < end; first += slab_rows) {
    const std::int64_t count = std::min(slab_rows, end - first);
    for (std::size_t i = 0; i < slabs.size(); ++i) {
      const MetricPlace& place = layout.places[i];
      std::vector<hsize_t> numbers;  // the metric's own dimension, if it has one
      if (!dimension_of(place.metric).empty()) {
        numbers.push_back(place.size);
      }
      finals[i] = read_rows("final_" + metric_name(place.metric), numbers, first, count);
      numbers.insert(numbers.begin(), columns);
      slabs[i] = read_rows(metric_name(place.metric), numbers, first, count);
    }
    for (std::int64_t run = first; run < first + count; ++run) {
      const auto row = static_cast<std::size_t>(run);
      const auto in_slab = static_cast<std::size_t>(run - first);
      if (static_cast<RunStatus>(status[row]) == RunStatus::pending) {
        if (!is_empty_elsewhere(slabs, layout, in_slab, columns, {})) {
          throw DamagedError("run " + std::to_string(run) + " is pending but has numbers");
        }
        continue;
      }
      const Point point = plan_.point(run);
      const std::vector<std::int64_t>& recorded = plan_.recorded_steps(point);
      RunRecord record;
      record.run = run;
      record.steps = steps[row];
      record.wall_s = wall_s[row];
      record.finished_at = finished_at[row];
      record.first_step_deviation = first_step_deviation[row];
      record.worker = worker[row];
      record.status = static_cast<RunStatus>(status[row]);
      record.reason = static_cast<StopReason>(reason[row]);
      record.solver = static_cast<Solver>(solver[row]);
      record.precision = point.training.precision;
      const MetricLayout own = plan_.layout(point);
      record.metrics = static_cast<std::uint32_t>(own.values);
      record.points = count_points(recorded, record.status, record.steps);
      const std::vector<std::size_t> places = places_of_steps(recorded, plan_.recorded_steps(), record.points);
      if (record.status != RunStatus::failed && !is_empty_elsewhere(slabs, layout, in_slab, columns, places)) {
        throw DamagedError("run " + std::to_string(run) + " has numbers at steps that it did not reach");
      }
      for (std::size_t i = 0; i < slabs.size(); ++i) {
        const std::size_t size = layout.places[i].size;
        for (std::size_t number = 0; number < own.places[i].size; ++number) {
          for (const std::size_t place : places) {
            record.trajectory.push_back(slabs[i][(in_slab * columns + place) * size + number]);
          }
          record.final_values.push_back(finals[i][in_slab * size + number]);
        }
      }
      if (const auto failure = failures.find(run); failure != failures.end()) {
        record.error = failure->second;
      }
      visit(record);
    }
  }
} catch (const StoreError& error) {
  throw unreadable(error);
}

DamagedError ResultFile::unreadable(const StoreError& error) const {
  return DamagedError("file '" + path_.string() + "' cannot be read (" + error.what() +
                      "); if its journal exists, run fasweep verify --repair");
}

bool ResultFile::has_scales(const std::string& name) const {
  const auto guarded = guard();
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  for (unsigned i = 0; i < shape_of(dataset.id()).size(); ++i) {
    if (H5DSget_num_scales(dataset.id(), i) != 1) {
      return false;
    }
  }
  return true;
}

template <class Number>
std::string ResultFile::find_wrong_axis(const Key& key) const {
  const std::string name(key.column);
  const std::vector<Number> values = read_column<Number>(name);
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    if (static_cast<double>(values[static_cast<std::size_t>(run)]) != key.get(plan_.point(run))) {
      return "column '" + name + "' is not that of the plan at run " + std::to_string(run);
    }
  }
  return {};
}

std::string ResultFile::find_wrong_column(const Key& key) const {
  if (is_first_schema_ && key.kind == KeyKind::name) {
    return find_wrong_axis<std::uint8_t>(key);
  }
  if (key.is_number()) {
    return key.kind == KeyKind::whole ? find_wrong_axis<std::int64_t>(key) : find_wrong_axis<double>(key);
  }
  const std::string name(key.column);
  const std::vector<std::string> values = read_texts(name);
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    if (values[static_cast<std::size_t>(run)] != write_value(key, plan_.point(run))) {
      return "column '" + name + "' is not that of the plan at run " + std::to_string(run);
    }
  }
  return {};
}

std::vector<std::string> ResultFile::find_wrong_header() const {
  std::vector<std::string> problems;
  const std::string job = [&] {
    const auto guarded = guard();
    return hdf5::read_text(file_.id(), "provenance/job");
  }();
  const std::string hash = [&] {
    const auto guarded = guard();
    return hdf5::read_text_attribute(file_.id(), "plan_hash");
  }();
  if (hash != format_hash(plan_hash(job))) {
    problems.emplace_back("the plan hash is not that of the stored job");
  }
  std::array<std::int64_t, run_status_names.size()> counts{};
  for (const RunStatus status : read_statuses()) {
    ++counts[static_cast<std::size_t>(status)];
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts_[i] != counts[i]) {
      problems.push_back("attribute count_" + std::string(run_status_names[i]) +
                         " is not what the status column holds");
    }
  }
  if (complete_ != (counts[0] == 0)) {
    problems.push_back(std::string("the file says that it is ") + (complete_ ? "" : "not ") + "complete, and has " +
                       std::to_string(counts[0]) + " pending runs");
  }
  double seconds = 0;
  for (const double wall_s : read_column<double>("wall_s")) {
    seconds += std::isnan(wall_s) ? 0 : wall_s;
  }
  constexpr double rounding = 1e-6;  // of sums in another order
  if (!(std::abs(training_seconds() - seconds) <= rounding * std::max(seconds, 1.0))) {
    problems.emplace_back("the training time of all runs is not the sum of theirs");
  }
  return problems;
}

std::vector<std::string> ResultFile::find_wrong_scales() const {
  std::vector<std::string> problems;
  const auto expect_numbers = [&](const std::string& name, const std::vector<std::int64_t>& numbers) {
    const auto guarded = guard();
    const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
    hdf5::require_type(dataset.id(), H5T_STD_I64LE, name);
    std::vector<std::int64_t> found(numbers.size());
    const bool fits = shape_of(dataset.id()) == std::vector<hsize_t>{numbers.size()};
    if (fits) {
      check(H5Dread(dataset.id(), H5T_STD_I64LE, H5S_ALL, H5S_ALL, H5P_DEFAULT, found.data()), "reading " + name);
    }
    if (!fits || found != numbers) {
      problems.push_back("scale '" + name + "' is not that of the plan");
    }
  };
  const auto count_to = [](std::size_t size) {
    std::vector<std::int64_t> numbers(size);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  };
  expect_numbers("run", count_to(static_cast<std::size_t>(plan_.size())));
  expect_numbers("step", plan_.recorded_steps());
  std::vector<std::string> scaled{"status", "stop_reason", "solver", "steps", "worker", "wall_s", "finished_at"};
  for (const MetricPlace& place : plan_.layout().places) {
    scaled.push_back(metric_name(place.metric));
    scaled.push_back("final_" + metric_name(place.metric));
    if (const std::string dimension(dimension_of(place.metric)); !dimension.empty()) {
      expect_numbers(dimension, count_to(place.size));
    }
  }
  for (const Key* key : is_first_schema_ ? paper_axes() : plan_.columns()) {
    scaled.emplace_back(key->column);
  }
  if (has_first_step_deviations()) {
    scaled.emplace_back(first_step_column);
  }
  for (const std::string& name : scaled) {
    if (!has_scales(name)) {
      problems.push_back("dataset '" + name + "' has no scale for one of its dimensions");
    }
  }
  return problems;
}

std::vector<std::string> ResultFile::find_wrong_pending() const {
  std::vector<std::string> problems;
  const std::vector<RunStatus> statuses = read_statuses();
  const auto reason = read_codes("stop_reason", stop_reason_names);
  const auto steps = read_column<std::int64_t>("steps");
  const auto worker = read_column<std::int32_t>("worker");
  const auto wall_s = read_column<double>("wall_s");
  const auto finished_at = read_column<double>("finished_at");
  const auto deviation = read_first_step_deviations();
  for (std::size_t row = 0; row < statuses.size(); ++row) {
    if (statuses[row] == RunStatus::pending &&
        (reason[row] != 0 || steps[row] != 0 || worker[row] != -1 || !std::isnan(wall_s[row]) ||
         !std::isnan(finished_at[row]) || !std::isnan(deviation[row]))) {
      problems.push_back("run " + std::to_string(row) + " is pending but its columns say how it went");
    }
  }
  return problems;
}

std::vector<std::string> ResultFile::find_problems() const try {
  std::vector<std::string> problems = find_wrong_header();
  const auto take = [&](const std::vector<std::string>& more) {
    problems.insert(problems.end(), more.begin(), more.end());
  };
  take(find_wrong_scales());
  for (const Key* key : is_first_schema_ ? paper_axes() : plan_.columns()) {
    if (const std::string wrong = find_wrong_column(*key); !wrong.empty()) {
      problems.push_back(wrong);
    }
  }
  take(find_wrong_pending());
  for_each_record([&](const RunRecord& record) {
    const std::string wrong = why_not_of_plan(record, record.run, plan_);
    const std::string odd = wrong.empty() ? find_odd_number(record, plan_) : wrong;
    if (!odd.empty()) {
      problems.push_back(odd);
    }
  });
  return problems;
} catch (const StoreError& error) {
  throw unreadable(error);
}

}  // namespace fasweep
