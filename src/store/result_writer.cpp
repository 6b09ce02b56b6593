#include "store/result_writer.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "hdf5/hdf5_handle.hpp"
#include "hdf5/hdf5_writing.hpp"
#include "model/metric/list.hpp"
#include "store/additions.hpp"
#include "store/file_seal.hpp"
#include "store/record_check.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using hdf5::check;
using hdf5::create_dataset;
using hdf5::Handle;
using hdf5::make_text_type;
using hdf5::write_all;
using hdf5::write_attribute;
using hdf5::write_text;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Columns of one number a run, collected while the rows go by: what rank 0 needs of memory for a publication.
struct Columns {
  std::vector<RunStatus> status;
  std::vector<StopReason> reason;
  std::vector<Solver> solver;
  std::vector<std::int64_t> steps;
  std::vector<std::int32_t> worker;
  std::vector<double> first_step_deviation, wall_s, finished_at;
  std::array<std::int64_t, run_status_names.size()> counts{};
  double wall_s_total = 0;

  void reserve(std::size_t runs) {
    status.reserve(runs);
    reason.reserve(runs);
    solver.reserve(runs);
    steps.reserve(runs);
    worker.reserve(runs);
    first_step_deviation.reserve(runs);
    wall_s.reserve(runs);
    finished_at.reserve(runs);
  }

  void push(const std::optional<RunRecord>& record) {
    const RunRecord empty;
    const RunRecord& r = record ? *record : empty;
    status.push_back(r.status);
    reason.push_back(r.reason);
    solver.push_back(r.solver);
    ++counts[static_cast<std::size_t>(r.status)];
    wall_s_total += record ? r.wall_s : 0;
    steps.push_back(r.steps);
    worker.push_back(record ? r.worker : -1);
    first_step_deviation.push_back(r.first_step_deviation);
    wall_s.push_back(record ? r.wall_s : nan);
    finished_at.push_back(record ? r.finished_at : nan);
  }
};

/// The file being written. Real: float or double, what trajectories are stored in.
template <class Real>
class ResultWriter {
 public:
  ResultWriter(const std::filesystem::path& path, const Plan& plan)
      : plan_(plan),
        runs_(static_cast<hsize_t>(plan.size())),
        points_(plan.recorded_steps().size()),
        file_(hdf5::create_file(path.string())),
        run_scale_(make_run_scale()),
        step_scale_(make_step_scale()) {}

  /// predecessor: empty for none. Returns what of it could not be taken over.
  std::vector<std::string> write(const RowSource& rows, Provenance provenance,
                                 const std::filesystem::path& predecessor) {
    write_axes();
    const Columns columns = write_metrics(rows, provenance);
    write_columns(columns);
    write_header(columns, provenance);
    std::vector<std::string> lost =
        predecessor.empty() ? std::vector<std::string>{} : copy_additions(predecessor, file_);
    check(H5Fflush(file_.id(), H5F_SCOPE_GLOBAL), "flushing the result file");
    return lost;
  }

 private:
  Handle make_run_scale() {
    Handle scale = create_dataset<std::int64_t>(file_.id(), "run", {runs_}, 0, "row in the plan", "1");
    write_by_run<std::int64_t>(scale, [](std::int64_t run) { return run; });
    check(H5DSset_scale(scale.id(), "run"), "making run a scale");
    return scale;
  }

  /// A number for each run, value(run), some chunks at a time.
  template <class Number, class Value>
  void write_by_run(const Handle& dataset, const Value& value) const {
    constexpr hsize_t slab_runs = hsize_t{1} << 18U;
    std::vector<Number> slab;
    for (hsize_t first = 0; first < runs_; first += slab_runs) {
      slab.resize(std::min(slab_runs, runs_ - first));
      for (std::size_t i = 0; i < slab.size(); ++i) {
        slab[i] = value(static_cast<std::int64_t>(first + i));
      }
      hdf5::write_slab<Number>(dataset, {first}, {slab.size()}, slab);
    }
  }

  Handle make_step_scale() {
    Handle scale = create_dataset<std::int64_t>(file_.id(), "step", {points_}, 0, "recorded training step", "1");
    write_all(scale, plan_.recorded_steps(), "step");
    check(H5DSset_scale(scale.id(), "step"), "making step a scale");
    return scale;
  }

  /// A number for each run, value(run).
  template <class Number, class Value>
  Handle write_column(const std::string& name, const Value& value, const std::string& long_name,
                      const std::string& units) {
    const Number fill = std::is_floating_point_v<Number> ? static_cast<Number>(nan) : Number{};
    Handle dataset = create_dataset<Number>(file_.id(), name, {runs_}, fill, long_name, units);
    write_by_run<Number>(dataset, value);
    check(H5DSattach_scale(dataset.id(), run_scale_.id(), 0), "attaching run to " + name);
    return dataset;
  }

  template <class Number>
  Handle write_column(const std::string& name, const std::vector<Number>& values, const std::string& long_name,
                      const std::string& units) {
    return write_column<Number>(
        name, [&](std::int64_t run) { return values[static_cast<std::size_t>(run)]; }, long_name, units);
  }

  /// A column of names or other texts, text(run), which ends with a zero. HDF5 has no
  /// checksums for those, `verify` compares them with the plan.
  template <class Text>
  Handle write_texts(const std::string& name, const Text& text, const std::string& long_name) {
    const Handle type = make_text_type();
    const Handle space(H5Screate_simple(1, &runs_, nullptr), H5Sclose, "making the shape of " + name);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "preparing " + name);
    check(H5Pset_obj_track_times(properties.id(), false), "preparing " + name);
    Handle dataset(
        H5Dcreate2(file_.id(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
        H5Dclose, "creating " + name);
    constexpr hsize_t slab_runs = hsize_t{1} << 16U;
    std::vector<const char*> pointers(std::min(slab_runs, runs_));
    // HDF5 clears two buffers of 1 MiB a column by default: several milliseconds of a small sweep.
    constexpr std::size_t most_bytes = 1024 * 1024;
    constexpr std::size_t text_bytes = 16;  // of a text of variable length on disk and in memory
    const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, "preparing " + name);
    check(H5Pset_buffer(transfer.id(), std::clamp(text_bytes * pointers.size(), text_bytes, most_bytes), nullptr,
                        nullptr),
          "preparing " + name);
    for (hsize_t first = 0; first < runs_; first += slab_runs) {
      const hsize_t count = std::min(slab_runs, runs_ - first);
      for (hsize_t i = 0; i < count; ++i) {
        pointers[i] = text(static_cast<std::int64_t>(first + i));
      }
      const Handle memory(H5Screate_simple(1, &count, nullptr), H5Sclose, "making a slab of " + name);
      check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, &first, nullptr, &count, nullptr), "placing " + name);
      check(H5Dwrite(dataset.id(), type.id(), memory.id(), space.id(), transfer.id(), pointers.data()),
            "writing " + name);
    }
    write_attribute(dataset.id(), "long_name", long_name);
    check(H5DSattach_scale(dataset.id(), run_scale_.id(), 0), "attaching run to " + name);
    return dataset;
  }

  void write_axes() {
    for (const Key* key : plan_.columns()) {
      const std::string name(key->column);
      coordinates_ += (coordinates_.empty() ? "" : " ") + name;
      const std::string long_name(key->name);
      const auto value = [&](std::int64_t run) { return key->get(plan_.point(run)); };
      if (key->kind == KeyKind::whole) {
        write_column<std::int64_t>(
            name, [&](std::int64_t run) { return static_cast<std::int64_t>(value(run)); }, long_name, "1");
      } else if (key->kind == KeyKind::real) {
        write_column<double>(name, value, long_name, "1");
      } else {
        std::set<std::string> texts;  // each once; runs refer to them
        write_texts(
            name, [&](std::int64_t run) { return texts.insert(write_value(*key, plan_.point(run))).first->c_str(); },
            long_name);
      }
    }
  }

  /// A metric's two datasets, and the rows of them that are written next.
  struct MetricRows {
    MetricPlace place;
    Handle trajectory;
    Handle last;
    std::vector<Real> trajectories = {};
    std::vector<Real> finals = {};
  };

  /// The trajectories and final values, in slabs of rows so that memory stays bounded; collects the other columns on
  /// the way.
  Columns write_metrics(const RowSource& rows, Provenance& provenance) {
    std::vector<MetricRows> metrics = create_metrics();
    Columns columns;
    columns.reserve(runs_);
    constexpr hsize_t slab_bytes = 1024 * 1024;  // of each metric
    const hsize_t row_numbers = points_ * std::max<hsize_t>(plan_.layout().values / metrics.size(), 1);
    const hsize_t slab_rows = std::clamp<hsize_t>(slab_bytes / (sizeof(Real) * row_numbers), 1, runs_);
    for (hsize_t first = 0; first < runs_; first += slab_rows) {
      const hsize_t count = std::min(slab_rows, runs_ - first);
      for (MetricRows& metric : metrics) {
        metric.trajectories.assign(count * points_ * metric.place.size, static_cast<Real>(nan));
        metric.finals.assign(count * metric.place.size, static_cast<Real>(nan));
      }
      for (hsize_t row = 0; row < count; ++row) {
        const auto run = static_cast<std::int64_t>(first + row);
        const std::optional<RunRecord> record = rows(run);
        columns.push(record);
        if (record) {
          put_numbers(*record, run, row, metrics);
        }
        if (record && !record->error.empty()) {
          provenance.failures += "run " + std::to_string(run) + ": " + record->error + "\n";
        }
      }
      for (const MetricRows& metric : metrics) {
        write_rows(metric.trajectory, first, count, metric.trajectories);
        write_rows(metric.last, first, count, metric.finals);
      }
    }
    return columns;
  }

  /// The numbers of a record into row `row` of the slabs; those of a smaller run than the largest leave NaN after them.
  /// Throws StoreError if the record is not of the plan.
  void put_numbers(const RunRecord& record, std::int64_t run, hsize_t row, std::vector<MetricRows>& metrics) const {
    if (const std::string wrong = why_not_of_plan(record, run, plan_); !wrong.empty()) {
      throw StoreError(wrong);
    }
    const Point point = plan_.point(run);
    const std::vector<std::size_t> places =
        places_of_steps(plan_.recorded_steps(point), plan_.recorded_steps(), record.points);
    const MetricLayout own = plan_.layout(point);
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      const std::size_t size = metrics[i].place.size;
      for (std::size_t number = 0; number < own.places[i].size; ++number) {
        const std::size_t value = own.places[i].first + number;
        metrics[i].finals[row * size + number] = static_cast<Real>(record.final_values[value]);
        for (std::size_t at = 0; at < places.size(); ++at) {
          metrics[i].trajectories[(row * points_ + places[at]) * size + number] =
              static_cast<Real>(record.trajectory[value * places.size() + at]);
        }
      }
    }
  }

  /// Trajectories first, as in files of every version.
  std::vector<MetricRows> create_metrics() {
    make_dimension_scales();
    std::vector<Handle> trajectories;
    for (const MetricPlace& place : plan_.layout().places) {
      trajectories.push_back(create_metric(place, Extent::all_steps));
    }
    std::vector<MetricRows> metrics;
    for (std::size_t i = 0; i < trajectories.size(); ++i) {
      const MetricPlace& place = plan_.layout().places[i];
      metrics.push_back({place, std::move(trajectories[i]), create_metric(place, Extent::last_step)});
    }
    return metrics;
  }

  /// What the numbers of metrics that give several are counted by.
  void make_dimension_scales() {
    for (const MetricPlace& place : plan_.layout().places) {
      const std::string name(dimension_of(place.metric));
      if (name.empty() || dimension_scales_.contains(name)) {
        continue;
      }
      std::vector<std::int64_t> numbers(place.size);
      std::iota(numbers.begin(), numbers.end(), 0);
      Handle scale = create_dataset<std::int64_t>(file_.id(), name, {place.size}, 0, "number of the " + name, "1");
      write_all(scale, numbers, name);
      check(H5DSset_scale(scale.id(), name.c_str()), "making " + name + " a scale");
      dimension_scales_.emplace(name, std::move(scale));
    }
  }

  enum class Extent { all_steps, last_step };

  /// Over runs, recorded steps or not, and the metric's own dimension if it has one.
  Handle create_metric(const MetricPlace& place, Extent extent) {
    return Metrics::visit(place.metric, [&](auto type) {
      using Metric = typename decltype(type)::type;
      const bool has_steps = extent == Extent::all_steps;
      const std::string name = (has_steps ? "" : "final_") + std::string(Metric::name);
      const std::string dimension(dimension_of(place.metric));
      std::vector<hsize_t> shape{runs_};
      std::vector<hid_t> scales{run_scale_.id()};
      if (has_steps) {
        shape.push_back(points_);
        scales.push_back(step_scale_.id());
      }
      if (!dimension.empty()) {
        shape.push_back(place.size);
        scales.push_back(dimension_scales_.at(dimension).id());
      }
      Handle dataset = create_dataset<Real>(
          file_.id(), name, shape, static_cast<Real>(nan),
          std::string(Metric::long_name) + (has_steps ? "" : ", at the run's last step"), std::string(Metric::units));
      for (unsigned i = 0; i < scales.size(); ++i) {
        check(H5DSattach_scale(dataset.id(), scales[i], i), "attaching a scale to " + name);
      }
      if (!dimension.empty()) {
        write_attribute(dataset.id(), "comment", "a run with fewer of them has NaN after its last " + dimension);
      }
      mark_coordinates(dataset);
      return dataset;
    });
  }

  /// CF: which columns say what a row is.
  void mark_coordinates(const Handle& dataset) { write_attribute(dataset.id(), "coordinates", coordinates_); }

  /// Rows first, first + 1, ... of a dataset, whole.
  static void write_rows(const Handle& dataset, hsize_t first, hsize_t count, const std::vector<Real>& values) {
    std::vector<hsize_t> shape = hdf5::shape_of(dataset.id());
    std::vector<hsize_t> start(shape.size(), 0);
    start[0] = first;
    shape[0] = count;
    hdf5::write_slab<Real>(dataset, start, shape, values);
  }

  void write_columns(const Columns& columns) {
    const auto names_of = [](const auto& codes) {
      return [&codes](std::int64_t run) { return name_of(codes[static_cast<std::size_t>(run)]).data(); };
    };
    write_texts("status", names_of(columns.status), "how the run ended");
    write_texts("stop_reason", names_of(columns.reason), "what ended the run");
    write_texts("solver", names_of(columns.solver), "formulation that was computed");
    write_column("steps", columns.steps, "training steps taken; the step of the final values", "1");
    write_column(first_step_column, columns.first_step_deviation,
                 "deviation of the first step from its rule's formula, relative to the step; NaN: not checked", "1");
    mark_provenance(write_column("worker", columns.worker, "worker that trained the run", "1"));
    mark_provenance(write_column("wall_s", columns.wall_s, "wall time of training", "s"));
    mark_provenance(write_column("finished_at", columns.finished_at, "time the run ended", "seconds since 1970-01-01"));
  }

  static void mark_provenance(const Handle& dataset) { write_attribute(dataset.id(), "provenance", std::int64_t{1}); }

  void write_header(const Columns& columns, const Provenance& provenance) {
    write_attribute(file_.id(), "Conventions", std::string("CF-1.8"));
    write_attribute(file_.id(), "schema", std::string(result_schema));
    write_attribute(file_.id(), "title", std::string("fasweep: training runs of a parameter grid"));
    write_attribute(file_.id(), "history", provenance.sessions);
    write_attribute(file_.id(), "plan_hash", format_hash(plan_.hash()));
    const std::int64_t pending = columns.counts[static_cast<std::size_t>(RunStatus::pending)];
    write_attribute(file_.id(), "complete", std::int64_t{pending == 0 ? 1 : 0});
    for (std::size_t i = 0; i < columns.counts.size(); ++i) {
      write_attribute(file_.id(), ("count_" + std::string(run_status_names[i])).c_str(), columns.counts[i]);
    }
    const Handle group(H5Gcreate2(file_.id(), "provenance", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                       "creating /provenance");
    write_attribute(group.id(), "training_seconds", columns.wall_s_total);
    write_text(group.id(), "job", resolved_text(plan_.job()));
    write_text(group.id(), "build", provenance.build);
    write_text(group.id(), "sessions", provenance.sessions);
    write_text(group.id(), "agents", provenance.agents);
    write_text(group.id(), "failures", provenance.failures);
  }

  const Plan& plan_;
  hsize_t runs_;
  hsize_t points_;
  Handle file_;
  Handle run_scale_;
  Handle step_scale_;
  std::map<std::string, Handle> dimension_scales_;
  std::string coordinates_;  // columns of the axes, separated by blanks
};

}  // namespace

std::vector<std::string> write_result_file(const std::filesystem::path& path, const Plan& plan, const RowSource& rows,
                                           Provenance provenance, const std::filesystem::path& predecessor) {
  std::vector<std::string> lost =
      plan.precision() == Precision::float32
          ? ResultWriter<float>(path, plan).write(rows, std::move(provenance), predecessor)
          : ResultWriter<double>(path, plan).write(rows, std::move(provenance), predecessor);
  seal_file(path);
  return lost;
}

std::vector<std::size_t> places_of_steps(std::span<const std::int64_t> own, std::span<const std::int64_t> all,
                                         std::size_t points) {
  std::vector<std::size_t> places;
  places.reserve(points);
  auto place = all.begin();
  for (const std::int64_t step : own.first(points)) {
    place = std::lower_bound(place, all.end(), step);
    places.push_back(static_cast<std::size_t>(place - all.begin()));
  }
  return places;
}

std::string hdf5_version() {
  hdf5::prepare_library();
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace fasweep
