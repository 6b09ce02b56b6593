#include "store/result_file.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "model/metric/list.hpp"
#include "store/hdf5_writing.hpp"
#include "store/record_check.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;
using hdf5::check;
using hdf5::Handle;
using hdf5::shape_of;

template <class Number>
hid_t memory_type() {
  if constexpr (std::is_same_v<Number, double>) {
    return H5T_NATIVE_DOUBLE;
  } else if constexpr (std::is_same_v<Number, std::int64_t>) {
    return H5T_NATIVE_INT64;
  } else {
    static_assert(std::is_same_v<Number, std::uint8_t>);
    return H5T_NATIVE_UINT8;
  }
}

Handle open_file(const fs::path& path) {
  hdf5::prepare_library();
  if (!fs::exists(path)) {
    throw ConfigError("file '" + path.string() + "' is not there (no such file); give the path of a result file");
  }
  if (H5Fis_hdf5(path.c_str()) <= 0) {
    throw ConfigError("file '" + path.string() +
                      "' is not fasweep's (it is no HDF5 file); give the path of a result file");
  }
  Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "opening '" + path.string() + "'");
  if (H5Aexists(file.id(), "schema") <= 0) {
    throw ConfigError("file '" + path.string() +
                      "' is not fasweep's (it has no attribute 'schema'); give the path of a result file");
  }
  return file;
}

std::string read_text_of(hid_t object, bool is_attribute, const std::string& what) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "making a text type");
  check(H5Tset_size(type.id(), H5T_VARIABLE), "making a text type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "making a text type");
  char* text = nullptr;
  check(is_attribute ? H5Aread(object, type.id(), static_cast<void*>(&text))
                     : H5Dread(object, type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, static_cast<void*>(&text)),
        "reading " + what);
  std::string result = text == nullptr ? "" : text;
  H5free_memory(text);
  return result;
}

std::string read_text_attribute(hid_t file, const char* name) {
  const Handle attribute(H5Aopen(file, name, H5P_DEFAULT), H5Aclose, std::string("opening attribute ") + name);
  return read_text_of(attribute.id(), true, name);
}

std::string read_text(hid_t file, const std::string& name) {
  const Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  return read_text_of(dataset.id(), false, name);
}

std::int64_t read_number_attribute(hid_t file, const std::string& name) {
  const Handle attribute(H5Aopen(file, name.c_str(), H5P_DEFAULT), H5Aclose, "opening attribute " + name);
  std::int64_t number = 0;
  check(H5Aread(attribute.id(), H5T_NATIVE_INT64, &number), "reading attribute " + name);
  return number;
}

Plan read_plan(hid_t file, const fs::path& path) {
  const std::string schema = read_text_attribute(file, "schema");
  if (schema != result_schema && schema != first_result_schema) {
    throw ConfigError("file '" + path.string() + "' has schema '" + schema + "' (this program reads '" + result_schema +
                      "' and '" + first_result_schema + "'); use the version of fasweep that wrote it");
  }
  return Plan(parse_stored_job(read_text(file, "provenance/job"), path.string()));
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
  return file.string() + ".journal";
}

ResultFile::ResultFile(const fs::path& path) try
    : path_(path), file_(open_file(path)), plan_(read_plan(file_.id(), path)) {
  is_first_schema_ = read_text_attribute(file_.id(), "schema") == first_result_schema;
  complete_ = read_number_attribute(file_.id(), "complete") == 1;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    counts_[i] = read_number_attribute(file_.id(), "count_" + std::string(run_status_names[i]));
  }
  const Handle rows(H5Dopen2(file_.id(), "run", H5P_DEFAULT), H5Dclose, "opening run");
  if (shape_of(rows.id()) != std::vector<hsize_t>{static_cast<hsize_t>(plan_.size())}) {
    throw DamagedError("it has not as many rows as its plan has runs, " + std::to_string(plan_.size()));
  }
  provenance_ = {read_text(file_.id(), "provenance/build"), read_text(file_.id(), "provenance/sessions"),
                 read_text(file_.id(), "provenance/agents"), read_text(file_.id(), "provenance/failures")};
} catch (const StoreError& error) {
  throw DamagedError("file '" + path.string() + "' cannot be read (" + error.what() +
                     "); if its journal is there, run fasweep verify --repair");
}

template <class Number>
std::vector<Number> ResultFile::read_column(const std::string& name) const {
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  const std::vector<hsize_t> shape = shape_of(dataset.id());
  if (shape.size() != 1) {
    throw DamagedError("dataset '" + name + "' is not a column");
  }
  std::vector<Number> values(shape[0]);
  check(H5Dread(dataset.id(), memory_type<Number>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "reading " + name);
  return values;
}

std::vector<std::string> ResultFile::read_texts(const std::string& name) const {
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + name);
  if (shape_of(dataset.id()).size() != 1 || H5Tis_variable_str(type.id()) <= 0) {
    throw DamagedError("dataset '" + name + "' is not a column of texts");
  }
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "reading a shape");
  std::vector<char*> pointers(shape_of(dataset.id())[0]);
  check(H5Dread(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), "reading " + name);
  std::vector<std::string> texts;
  texts.reserve(pointers.size());
  for (const char* text : pointers) {
    texts.emplace_back(text == nullptr ? "" : text);
  }
  check(H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, pointers.data()), "reading " + name);
  return texts;
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
  if (static_cast<std::int64_t>(codes.size()) != plan_.size()) {
    throw DamagedError("dataset '" + name + "' has another size than the plan");
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
    const Handle group(H5Gopen2(file_.id(), "provenance", H5P_DEFAULT), H5Gclose, "opening /provenance");
    const Handle attribute(H5Aopen(group.id(), "training_seconds", H5P_DEFAULT), H5Aclose, "opening training_seconds");
    double seconds = 0;
    check(H5Aread(attribute.id(), H5T_NATIVE_DOUBLE, &seconds), "reading training_seconds");
    return seconds;
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
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  shape.insert(shape.begin(), static_cast<hsize_t>(plan_.size()));
  if (shape_of(dataset.id()) != shape) {
    throw DamagedError("dataset '" + name + "' has another shape than the plan");
  }
  std::vector<hsize_t> start(shape.size(), 0);
  start[0] = static_cast<hsize_t>(first);
  shape[0] = static_cast<hsize_t>(count);
  const Handle memory(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                      "making a slab");
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "placing a slab");
  check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr),
        "placing a slab");
  std::vector<double> values(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
  check(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, memory.id(), space.id(), H5P_DEFAULT, values.data()),
        "reading " + name);
  return values;
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
  const auto worker = read_column<std::int64_t>("worker");
  const auto wall_s = read_column<double>("wall_s");
  const auto finished_at = read_column<double>("finished_at");
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
      if (static_cast<RunStatus>(status[row]) == RunStatus::pending) {
        continue;
      }
      const Point point = plan_.point(run);
      const std::vector<std::int64_t>& recorded = plan_.recorded_steps(point);
      RunRecord record;
      record.run = run;
      record.steps = steps.at(row);
      record.wall_s = wall_s.at(row);
      record.finished_at = finished_at.at(row);
      record.worker = static_cast<std::int32_t>(worker.at(row));
      record.status = static_cast<RunStatus>(status[row]);
      record.reason = static_cast<StopReason>(reason[row]);
      record.solver = static_cast<Solver>(solver[row]);
      record.precision = point.training.precision;
      const MetricLayout own = plan_.layout(point);
      record.metrics = static_cast<std::uint32_t>(own.values);
      record.points = count_points(recorded, record.status, record.steps);
      const std::vector<std::size_t> places = places_of_steps(recorded, plan_.recorded_steps(), record.points);
      const auto in_slab = static_cast<std::size_t>(run - first);
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
                      "); if its journal is there, run fasweep verify --repair");
}

bool ResultFile::has_scales(const std::string& name) const {
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  for (unsigned i = 0; i < shape_of(dataset.id()).size(); ++i) {
    if (H5DSget_num_scales(dataset.id(), i) != 1) {
      return false;
    }
  }
  return true;
}

std::string ResultFile::find_wrong_column(const Key& key) const {
  const std::string name(key.column);
  const std::string wrong = "column '" + name + "' is not that of the plan";
  if (key.is_number() || (is_first_schema_ && key.kind == KeyKind::name)) {
    const std::vector<double> values = read_column<double>(name);
    for (std::int64_t run = 0; run < plan_.size(); ++run) {
      if (values.at(static_cast<std::size_t>(run)) != key.get(plan_.point(run))) {
        return wrong + " at run " + std::to_string(run);
      }
    }
    return {};
  }
  const std::vector<std::string> values = read_texts(name);
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    if (values.at(static_cast<std::size_t>(run)) != write_value(key, plan_.point(run))) {
      return wrong + " at run " + std::to_string(run);
    }
  }
  return {};
}

std::vector<std::string> ResultFile::find_problems() const {
  std::vector<std::string> problems;
  const auto expect = [&](bool holds, const std::string& problem) {
    if (!holds) {
      problems.push_back(problem);
    }
  };
  expect(
      read_text_attribute(file_.id(), "plan_hash") == format_hash(plan_hash(read_text(file_.id(), "provenance/job"))),
      "the plan hash is not that of the stored job");
  std::array<std::int64_t, run_status_names.size()> counts{};
  for (const RunStatus status : read_statuses()) {
    ++counts[static_cast<std::size_t>(status)];
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    expect(counts_[i] == counts[i],
           "attribute count_" + std::string(run_status_names[i]) + " is not what the status column holds");
  }
  expect(!complete_ || counts[0] == 0, "the file says it is complete but has pending runs");
  for (const char* name : {"status", "stop_reason", "solver", "steps", "worker", "wall_s", "finished_at"}) {
    expect(has_scales(name), "dataset '" + std::string(name) + "' has no scale");
  }
  for (const int metric : plan_.metrics()) {
    for (const std::string& name : {metric_name(metric), "final_" + metric_name(metric)}) {
      expect(has_scales(name), "dataset '" + name + "' has no scale for one of its dimensions");
    }
  }
  for (const Key* key : is_first_schema_ ? paper_axes() : plan_.columns()) {
    expect(has_scales(std::string(key->column)), "dataset '" + std::string(key->column) + "' has no scale");
    const std::string wrong = find_wrong_column(*key);
    expect(wrong.empty(), wrong);
  }
  for_each_record([&](const RunRecord& record) {
    const bool finite = std::all_of(record.final_values.begin(), record.final_values.end(),
                                    [](double value) { return !std::isinf(value); });
    if (record.status == RunStatus::done && !finite) {
      problems.push_back("run " + std::to_string(record.run) + " is done but has an infinite value");
    }
    if (const std::string wrong = why_not_of_plan(record, record.run, plan_); !wrong.empty()) {
      problems.push_back(wrong);
    }
  });
  return problems;
}

}  // namespace fasweep
