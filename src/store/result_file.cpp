#include "store/result_file.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "store/file_lock.hpp"
#include "store/journal_contents.hpp"
#include "store/result_store.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;
using hdf5::check;
using hdf5::Handle;

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
  if (schema != result_schema) {
    throw ConfigError("file '" + path.string() + "' has schema '" + schema + "' (this program reads '" + result_schema +
                      "'); use the version of fasweep that wrote it");
  }
  return Plan(parse_job(read_text(file, "provenance/job"), path.string()));
}

std::vector<hsize_t> shape_of(hid_t dataset) {
  const Handle space(H5Dget_space(dataset), H5Sclose, "reading a shape");
  std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space.id()), 0)));
  H5Sget_simple_extent_dims(space.id(), shape.data(), nullptr);
  return shape;
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
std::uint32_t count_points(const RecordSettings& record, RunStatus status, std::int64_t steps) {
  if (status == RunStatus::failed || status == RunStatus::pending) {
    return 0;
  }
  return static_cast<std::uint32_t>(std::upper_bound(record.steps.begin(), record.steps.end(), steps) -
                                    record.steps.begin());
}

}  // namespace

fs::path journal_path(const fs::path& file) {
  return file.string() + ".journal";
}

ResultFile::ResultFile(const fs::path& path) try
    : path_(path), file_(open_file(path)), plan_(read_plan(file_.id(), path)) {
  complete_ = read_number_attribute(file_.id(), "complete") == 1;
  const std::vector<std::uint8_t> codes = read_column<std::uint8_t>("status");
  for (const std::uint8_t code : codes) {
    if (code >= run_status_names.size()) {
      throw DamagedError("status " + std::to_string(code) + " is not known");
    }
    statuses_.push_back(static_cast<RunStatus>(code));
  }
  if (static_cast<std::int64_t>(statuses_.size()) != plan_.size()) {
    throw DamagedError("it has " + std::to_string(statuses_.size()) + " rows for " + std::to_string(plan_.size()) +
                       " runs");
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

void ResultFile::read_slab(const std::string& name, std::int64_t first, std::int64_t count,
                           std::vector<double>& values) const {
  const Handle dataset(H5Dopen2(file_.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening " + name);
  const std::vector<hsize_t> whole = shape_of(dataset.id());
  const hsize_t points = plan_.job().record.steps.size();
  if (whole != std::vector<hsize_t>{static_cast<hsize_t>(plan_.size()), points}) {
    throw DamagedError("dataset '" + name + "' has another shape than the plan");
  }
  const std::array<hsize_t, 2> start{static_cast<hsize_t>(first), 0};
  const std::array<hsize_t, 2> shape{static_cast<hsize_t>(count), points};
  const Handle memory(H5Screate_simple(2, shape.data(), nullptr), H5Sclose, "making a slab");
  const Handle space(H5Dget_space(dataset.id()), H5Sclose, "placing a slab");
  check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr),
        "placing a slab");
  values.resize(shape[0] * shape[1]);
  check(H5Dread(dataset.id(), H5T_NATIVE_DOUBLE, memory.id(), space.id(), H5P_DEFAULT, values.data()),
        "reading " + name);
}

void ResultFile::for_each_record(const std::function<void(const RunRecord&)>& visit) const try {
  const RecordSettings& settings = plan_.job().record;
  const std::size_t points = settings.steps.size();
  const auto reason = read_column<std::uint8_t>("stop_reason");
  const auto solver = read_column<std::uint8_t>("solver");
  const auto steps = read_column<std::int64_t>("steps");
  const auto worker = read_column<std::int64_t>("worker");
  const auto wall_s = read_column<double>("wall_s");
  const auto finished_at = read_column<double>("finished_at");
  const auto failures = read_failures(provenance_.failures);
  std::vector<std::vector<double>> finals;
  for (const int metric : settings.metrics) {
    finals.push_back(read_column<double>("final_" + metric_name(metric)));
  }
  constexpr std::int64_t slab_rows = 4096;
  std::vector<std::vector<double>> slabs(settings.metrics.size());
  for (std::int64_t first = 0; first < plan_.size(); first += slab_rows) {
    const std::int64_t count = std::min(slab_rows, plan_.size() - first);
    for (std::size_t i = 0; i < slabs.size(); ++i) {
      read_slab(metric_name(settings.metrics[i]), first, count, slabs[i]);
    }
    for (std::int64_t run = first; run < first + count; ++run) {
      const auto row = static_cast<std::size_t>(run);
      if (statuses_[row] == RunStatus::pending) {
        continue;
      }
      RunRecord record;
      record.run = run;
      record.steps = steps.at(row);
      record.wall_s = wall_s.at(row);
      record.finished_at = finished_at.at(row);
      record.worker = static_cast<std::int32_t>(worker.at(row));
      record.status = statuses_[row];
      record.reason = static_cast<StopReason>(std::min<std::size_t>(reason.at(row), stop_reason_names.size() - 1));
      record.solver = static_cast<Solver>(std::min<std::size_t>(solver.at(row), solver_names.size() - 1));
      record.precision = plan_.job().training.precision;
      record.metrics = static_cast<std::uint32_t>(settings.metrics.size());
      record.points = count_points(settings, record.status, record.steps);
      for (std::size_t i = 0; i < slabs.size(); ++i) {
        const auto begin = slabs[i].begin() + (run - first) * static_cast<std::ptrdiff_t>(points);
        record.trajectory.insert(record.trajectory.end(), begin, begin + record.points);
        record.final_values.push_back(finals[i].at(row));
      }
      if (const auto failure = failures.find(run); failure != failures.end()) {
        record.error = failure->second;
      }
      visit(record);
    }
  }
} catch (const StoreError& error) {
  throw DamagedError("file '" + path_.string() + "' cannot be read (" + error.what() +
                     "); if its journal is there, run fasweep verify --repair");
}

std::vector<std::string> ResultFile::find_problems() const {
  std::vector<std::string> problems;
  const auto expect = [&](bool holds, const std::string& problem) {
    if (!holds) {
      problems.push_back(problem);
    }
  };
  expect(read_text_attribute(file_.id(), "plan_hash") == format_hash(plan_.hash()),
         "the plan hash is not that of the stored job");
  std::array<std::int64_t, run_status_names.size()> counts{};
  for (const RunStatus status : statuses_) {
    ++counts[static_cast<std::size_t>(status)];
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    expect(read_number_attribute(file_.id(), "count_" + std::string(run_status_names[i])) == counts[i],
           "attribute count_" + std::string(run_status_names[i]) + " is not what the status column holds");
  }
  expect(!complete_ || counts[0] == 0, "the file says it is complete but has pending runs");
  for (const char* name : {"p", "lambda", "activation", "rule", "seed", "status", "stop_reason", "solver", "steps",
                           "worker", "wall_s", "finished_at"}) {
    const Handle dataset(H5Dopen2(file_.id(), name, H5P_DEFAULT), H5Dclose, std::string("opening ") + name);
    expect(H5DSget_num_scales(dataset.id(), 0) == 1, "dataset '" + std::string(name) + "' has no scale");
  }
  const auto width = read_column<std::int64_t>("p");
  const auto ridge = read_column<double>("lambda");
  const auto seed = read_column<std::int64_t>("seed");
  for (std::int64_t run = 0; run < plan_.size(); ++run) {
    const RunSpec spec = plan_.at(run);
    const auto row = static_cast<std::size_t>(run);
    if (width.at(row) != spec.width || ridge.at(row) != spec.ridge || seed.at(row) != spec.seed) {
      problems.push_back("the axes of run " + std::to_string(run) + " are not those of the plan");
      break;
    }
  }
  for_each_record([&](const RunRecord& record) {
    const bool finite = std::all_of(record.final_values.begin(), record.final_values.end(),
                                    [](double value) { return !std::isinf(value); });
    if (record.status == RunStatus::done && !finite) {
      problems.push_back("run " + std::to_string(record.run) + " is done but has an infinite value");
    }
    if (record.steps > plan_.job().training.max_steps) {
      problems.push_back("run " + std::to_string(record.run) + " has more steps than the job allows");
    }
  });
  return problems;
}

namespace {

StatusReport status_of_journal(const fs::path& path) {
  const MappedFile map(path);
  const JournalContents contents = read_journal(map.bytes(), PastDamage::go_on);
  const Plan plan(parse_job(contents.job_text, path.string()));
  StatusReport report;
  report.job_text = contents.job_text;
  report.runs = plan.size();
  for (std::int64_t run = 0; run < plan.size(); ++run) {
    const auto found = contents.records.find(plan.identity(run));
    if (found == contents.records.end()) {
      ++report.counts[static_cast<std::size_t>(RunStatus::pending)];
      continue;
    }
    const RecordHeader& header = found->second.header;
    ++report.counts[static_cast<std::size_t>(header.status)];
    report.wall_s_total += header.wall_s;
    if (header.status == RunStatus::failed) {
      const RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
      report.failures.push_back("run " + std::to_string(run) + ": " + record.error);
    }
  }
  return report;
}

StatusReport status_of_file(const fs::path& path) {
  const ResultFile file(path);
  StatusReport report;
  report.complete = file.complete();
  report.runs = file.plan().size();
  report.job_text = resolved_text(file.plan().job());
  for (const RunStatus status : file.statuses()) {
    ++report.counts[static_cast<std::size_t>(status)];
  }
  file.for_each_record([&](const RunRecord& record) { report.wall_s_total += record.wall_s; });
  for (const std::string_view line : split(file.provenance().failures, '\n')) {
    if (!line.empty()) {
      report.failures.emplace_back(line);
    }
  }
  return report;
}

/// Every row of the file against the journal's record of that run.
void compare_with_journal(const ResultFile& file, const MappedFile& map, const JournalContents& contents,
                          std::vector<std::string>& problems) {
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  file.for_each_record([&](const RunRecord& row) {
    const auto found = contents.records.find(file.plan().identity(row.run));
    if (found == contents.records.end()) {
      problems.push_back("run " + std::to_string(row.run) + " is in the file but not in the journal");
      return;
    }
    const RunRecord record = read_record(read_frame(map.bytes(), found->second.offset)).record;
    if (record.status != row.status || record.steps != row.steps ||
        !std::equal(record.trajectory.begin(), record.trajectory.end(), row.trajectory.begin(), row.trajectory.end(),
                    same)) {
      problems.push_back("run " + std::to_string(row.run) + " is not what the journal recorded");
    }
  });
}

std::vector<std::string> find_all_problems(const fs::path& path) {
  std::vector<std::string> problems;
  const MappedFile map(journal_path(path));
  const bool has_journal = fs::exists(journal_path(path));
  JournalContents contents;
  if (has_journal) {
    contents = read_journal(map.bytes(), PastDamage::go_on);
    if (!contents.scan.damage.empty()) {
      problems.push_back("the journal is damaged: " + contents.scan.damage);
    }
    if (contents.job_text.empty()) {
      problems.emplace_back("the journal holds no plan");
      return problems;
    }
  }
  if (!has_journal || fs::exists(path)) {
    try {
      const ResultFile file(path);
      const std::vector<std::string> in_file = file.find_problems();
      problems.insert(problems.end(), in_file.begin(), in_file.end());
      if (has_journal) {
        compare_with_journal(file, map, contents, problems);
      }
    } catch (const DamagedError& error) {
      problems.emplace_back(error.what());
    } catch (const StoreError& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

/// Copies the whole frames of a damaged journal into a sound one; the damaged one is kept aside.
void repair_journal(const fs::path& path, std::vector<std::string>& repairs) {
  const fs::path draft = path.string() + ".new";
  const fs::path aside = path.string() + ".damaged";
  if (fs::exists(aside)) {
    throw ConfigError("'" + aside.string() + "' is there already (from an earlier repair); move it away first");
  }
  std::int64_t frames = 0;
  {
    const MappedFile map(path);
    JournalWriter writer(draft, 0);
    frames = scan_journal(map.bytes(), PastDamage::go_on, [&](const Frame& frame) {
               writer.append(frame.type, frame.payload);
             }).frames;
    writer.sync();
  }
  fs::rename(path, aside);
  fs::rename(draft, path);
  sync_folder_of(path);
  repairs.push_back("kept " + std::to_string(frames) + " whole frames; the damaged journal is now '" + aside.string() +
                    "'");
}

}  // namespace

StatusReport read_status(const fs::path& file) {
  return fs::exists(journal_path(file)) ? status_of_journal(journal_path(file)) : status_of_file(file);
}

VerifyReport verify(const fs::path& file, Repair repair) {
  VerifyReport report;
  report.problems = find_all_problems(file);
  if (report.problems.empty() || repair == Repair::no || !fs::exists(journal_path(file))) {
    return report;
  }
  const FileLock lock(file.string() + ".lock", "fasweep verify --repair", [](const std::string&) {});
  JournalContents contents;
  {
    const MappedFile map(journal_path(file));
    contents = read_journal(map.bytes(), PastDamage::go_on);
  }
  if (contents.job_text.empty()) {
    return report;
  }
  if (!contents.scan.damage.empty()) {
    repair_journal(journal_path(file), report.repairs);
  }
  const Plan plan(parse_job(contents.job_text, journal_path(file).string()));
  const MappedFile map(journal_path(file));
  contents = read_journal(map.bytes(), PastDamage::stop);
  const fs::path draft = file.string() + ".new";
  write_result_file(draft, plan,
                    [&](std::int64_t row) -> std::optional<RunRecord> {
                      const auto found = contents.records.find(plan.identity(row));
                      return found == contents.records.end()
                                 ? std::nullopt
                                 : std::optional(read_record(read_frame(map.bytes(), found->second.offset)).record);
                    },
                    {"rebuilt from the journal\n", contents.sessions, contents.agents, ""});
  sync_file(draft);
  fs::rename(draft, file);
  sync_folder_of(file);
  report.repairs.push_back("rebuilt the file from " + std::to_string(contents.records.size()) + " records");
  report.problems = find_all_problems(file);
  return report;
}

void export_csv(const fs::path& path, std::ostream& out, CsvRows rows) {
  const ResultFile file(path);
  const RecordSettings& settings = file.plan().job().record;
  const auto write_axes = [&](const RunRecord& record) {
    const RunSpec spec = file.plan().at(record.run);
    out << record.run << "," << spec.width << "," << format_real(spec.ridge) << ","
        << Activations::names[static_cast<std::size_t>(spec.activation)] << ","
        << Rules::names[static_cast<std::size_t>(spec.rule)] << "," << spec.seed;
  };
  out << "run,p,lambda,activation,rule,seed"
      << (rows == CsvRows::runs ? ",status,stop_reason,steps,solver,wall_s" : ",step");
  for (const int metric : settings.metrics) {
    out << (rows == CsvRows::runs ? ",final_" : ",") << metric_name(metric);
  }
  out << "\n";
  file.for_each_record([&](const RunRecord& record) {
    if (rows == CsvRows::runs) {
      write_axes(record);
      out << "," << name_of(record.status) << "," << name_of(record.reason) << "," << record.steps << ","
          << name_of(record.solver) << "," << format_real(record.wall_s);
      for (const double value : record.final_values) {
        out << "," << format_real(value);
      }
      out << "\n";
      return;
    }
    for (std::uint32_t point = 0; point < record.points; ++point) {
      write_axes(record);
      out << "," << settings.steps[point];
      for (std::size_t metric = 0; metric < settings.metrics.size(); ++metric) {
        out << "," << format_real(record.trajectory[metric * record.points + point]);
      }
      out << "\n";
    }
  });
}

}  // namespace fasweep
