#include "store/result_writer.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <set>
#include <vector>

#include "store/hdf5_handle.hpp"
#include "store/record_check.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using hdf5::check;
using hdf5::Handle;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Little-endian type of a number on disk and in memory.
template <class Number>
hid_t number_type() {
  if constexpr (std::is_same_v<Number, float>) {
    return H5T_IEEE_F32LE;
  } else if constexpr (std::is_same_v<Number, double>) {
    return H5T_IEEE_F64LE;
  } else if constexpr (std::is_same_v<Number, std::int64_t>) {
    return H5T_STD_I64LE;
  } else if constexpr (std::is_same_v<Number, std::int32_t>) {
    return H5T_STD_I32LE;
  } else {
    static_assert(std::is_same_v<Number, std::uint8_t>);
    return H5T_STD_U8LE;
  }
}

Handle make_text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "making a text type");
  check(H5Tset_size(type.id(), H5T_VARIABLE), "making a text type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "making a text type");
  return type;
}

Handle make_scalar() {
  return {H5Screate(H5S_SCALAR), H5Sclose, "making a scalar"};
}

void write_attribute(hid_t object, const char* name, const std::string& text) {
  const Handle type = make_text_type();
  const Handle space = make_scalar();
  const Handle attribute(H5Acreate2(object, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         std::string("writing attribute ") + name);
  const char* pointer = text.c_str();
  check(H5Awrite(attribute.id(), type.id(), static_cast<const void*>(&pointer)),
        std::string("writing attribute ") + name);
}

template <class Number>
void write_attribute(hid_t object, const char* name, const std::vector<Number>& numbers) {
  const hsize_t size = numbers.size();
  const Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose, "making an attribute's shape");
  const Handle attribute(H5Acreate2(object, name, number_type<Number>(), space.id(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose, std::string("writing attribute ") + name);
  check(H5Awrite(attribute.id(), number_type<Number>(), numbers.data()), std::string("writing attribute ") + name);
}

void write_attribute(hid_t object, const char* name, std::int64_t number) {
  const Handle space = make_scalar();
  const Handle attribute(H5Acreate2(object, name, H5T_STD_I64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         std::string("writing attribute ") + name);
  check(H5Awrite(attribute.id(), H5T_STD_I64LE, &number), std::string("writing attribute ") + name);
}

void write_attribute(hid_t object, const char* name, double number) {
  const Handle space = make_scalar();
  const Handle attribute(H5Acreate2(object, name, H5T_IEEE_F64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                         std::string("writing attribute ") + name);
  check(H5Awrite(attribute.id(), H5T_NATIVE_DOUBLE, &number), std::string("writing attribute ") + name);
}

void write_text(hid_t group, const char* name, const std::string& text) {
  const Handle type = make_text_type();
  const Handle space = make_scalar();
  const Handle dataset(H5Dcreate2(group, name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
                       std::string("writing ") + name);
  const Handle transfer(H5Pcreate(H5P_DATASET_XFER), H5Pclose, std::string("writing ") + name);
  constexpr std::size_t buffer_bytes = 4096;  // by default HDF5 clears two of 1 MB, for one pointer
  check(H5Pset_buffer(transfer.id(), buffer_bytes, nullptr, nullptr), std::string("writing ") + name);
  const char* pointer = text.c_str();
  check(H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, transfer.id(), static_cast<const void*>(&pointer)),
        std::string("writing ") + name);
}

/// Chunked, shuffled, deflated, with a checksum, no time stamps; what has not been written reads as `fill`.
template <class Number>
Handle create_dataset(hid_t file, const std::string& name, std::vector<hsize_t> shape, Number fill,
                      const std::string& long_name, const std::string& units) {
  constexpr hsize_t chunk_bytes = 512 * 1024;
  const Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose,
                     "making the shape of " + name);
  std::vector<hsize_t> chunk = shape;
  const hsize_t row_bytes = sizeof(Number) * (shape.size() > 1 ? shape[1] : 1);
  chunk[0] = std::clamp<hsize_t>(chunk_bytes / row_bytes, 1, shape[0]);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "preparing " + name);
  constexpr unsigned deflate_level = 4;
  check(H5Pset_chunk(properties.id(), static_cast<int>(chunk.size()), chunk.data()), "preparing " + name);
  check(H5Pset_shuffle(properties.id()), "preparing " + name);
  check(H5Pset_deflate(properties.id(), deflate_level), "preparing " + name);
  check(H5Pset_fletcher32(properties.id()), "preparing " + name);
  check(H5Pset_fill_value(properties.id(), number_type<Number>(), &fill), "preparing " + name);
  check(H5Pset_obj_track_times(properties.id(), false), "preparing " + name);
  Handle dataset(
      H5Dcreate2(file, name.c_str(), number_type<Number>(), space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
      H5Dclose, "creating " + name);
  write_attribute(dataset.id(), "long_name", long_name);
  write_attribute(dataset.id(), "units", units);
  if constexpr (std::is_floating_point_v<Number>) {
    write_attribute(dataset.id(), "_FillValue", std::vector<Number>{fill});
  }
  return dataset;
}

template <class Number>
void write_all(const Handle& dataset, const std::vector<Number>& values, const std::string& name) {
  check(H5Dwrite(dataset.id(), number_type<Number>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), "writing " + name);
}

/// Columns of one number a run, collected while the rows go by.
struct Columns {
  std::vector<std::string_view> status, reason, solver;
  std::vector<std::int64_t> steps;
  std::vector<std::int32_t> worker;
  std::vector<double> wall_s, finished_at;
  std::array<std::int64_t, run_status_names.size()> counts{};
  double wall_s_total = 0;

  void push(const std::optional<RunRecord>& record) {
    const RunRecord empty;
    const RunRecord& r = record ? *record : empty;
    status.push_back(name_of(r.status));
    reason.push_back(name_of(r.reason));
    solver.push_back(name_of(r.solver));
    ++counts[static_cast<std::size_t>(r.status)];
    wall_s_total += record ? r.wall_s : 0;
    steps.push_back(r.steps);
    worker.push_back(record ? r.worker : -1);
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
        metrics_(plan.metrics()),
        runs_(static_cast<hsize_t>(plan.size())),
        points_(plan.recorded_steps().size()),
        file_(create_file(path)),
        run_scale_(make_run_scale()),
        step_scale_(make_step_scale()) {}

  void write(const RowSource& rows, Provenance provenance) {
    write_axes();
    const Columns columns = write_metrics(rows, provenance);
    write_columns(columns);
    write_header(columns, provenance);
    check(H5Fflush(file_.id(), H5F_SCOPE_GLOBAL), "flushing the result file");
  }

 private:
  static Handle create_file(const std::filesystem::path& path) {
    hdf5::prepare_library();
    const Handle properties(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "preparing the file");
    constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    check(H5Pset_link_creation_order(properties.id(), order), "preparing the file");
    check(H5Pset_obj_track_times(properties.id(), false), "preparing the file");
    const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "preparing the file");
    // Object headers with checksums, which readers of 2008 and later know.
    check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_LATEST), "preparing the file");
    return {H5Fcreate(path.c_str(), H5F_ACC_TRUNC, properties.id(), access.id()), H5Fclose,
            "creating '" + path.string() + "'"};
  }

  Handle make_run_scale() {
    Handle scale = create_dataset<std::int64_t>(file_.id(), "run", {runs_}, 0, "row in the plan", "1");
    std::vector<std::int64_t> numbers(runs_);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = static_cast<std::int64_t>(i);
    }
    write_all(scale, numbers, "run");
    check(H5DSset_scale(scale.id(), "run"), "making run a scale");
    return scale;
  }

  Handle make_step_scale() {
    Handle scale = create_dataset<std::int64_t>(file_.id(), "step", {points_}, 0, "recorded training step", "1");
    write_all(scale, plan_.recorded_steps(), "step");
    check(H5DSset_scale(scale.id(), "step"), "making step a scale");
    return scale;
  }

  template <class Number>
  Handle write_column(const std::string& name, const std::vector<Number>& values, const std::string& long_name,
                      const std::string& units) {
    const Number fill = std::is_floating_point_v<Number> ? static_cast<Number>(nan) : Number{};
    Handle dataset = create_dataset<Number>(file_.id(), name, {runs_}, fill, long_name, units);
    write_all(dataset, values, name);
    check(H5DSattach_scale(dataset.id(), run_scale_.id(), 0), "attaching run to " + name);
    return dataset;
  }

  /// A column of names or other texts; HDF5 has no checksums for those, `verify` compares them with the plan.
  Handle write_texts(const std::string& name, const std::vector<std::string_view>& values,
                     const std::string& long_name) {
    const Handle type = make_text_type();
    const Handle space(H5Screate_simple(1, &runs_, nullptr), H5Sclose, "making the shape of " + name);
    const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "preparing " + name);
    check(H5Pset_obj_track_times(properties.id(), false), "preparing " + name);
    Handle dataset(
        H5Dcreate2(file_.id(), name.c_str(), type.id(), space.id(), H5P_DEFAULT, properties.id(), H5P_DEFAULT),
        H5Dclose, "creating " + name);
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const std::string_view value : values) {
      pointers.push_back(value.data());  // of names and canonical texts, which end with a zero
    }
    check(H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), "writing " + name);
    write_attribute(dataset.id(), "long_name", long_name);
    check(H5DSattach_scale(dataset.id(), run_scale_.id(), 0), "attaching run to " + name);
    return dataset;
  }

  void write_axes() {
    for (const Key* key : plan_.columns()) {
      const std::string name(key->column);
      coordinates_ += (coordinates_.empty() ? "" : " ") + name;
      if (key->kind == KeyKind::whole) {
        write_column(name, values_of<std::int64_t>(*key), std::string(key->name), "1");
      } else if (key->kind == KeyKind::real) {
        write_column(name, values_of<double>(*key), std::string(key->name), "1");
      } else {
        write_text_axis(*key);
      }
    }
  }

  template <class Number>
  [[nodiscard]] std::vector<Number> values_of(const Key& key) const {
    std::vector<Number> values;
    values.reserve(runs_);
    for (std::int64_t run = 0; run < plan_.size(); ++run) {
      values.push_back(static_cast<Number>(key.get(plan_.point(run))));
    }
    return values;
  }

  void write_text_axis(const Key& key) {
    std::set<std::string> texts;  // each once; runs refer to them
    std::vector<std::string_view> values;
    values.reserve(runs_);
    for (std::int64_t run = 0; run < plan_.size(); ++run) {
      values.push_back(*texts.insert(write_value(key, plan_.point(run))).first);
    }
    write_texts(std::string(key.column), values, std::string(key.name));
  }

  /// The trajectories and final values, in slabs of rows so that memory stays bounded; collects the other columns on
  /// the way.
  Columns write_metrics(const RowSource& rows, Provenance& provenance) {
    std::vector<Handle> trajectories;
    std::vector<std::vector<Real>> finals(metrics_.size());
    for (const int metric : metrics_) {
      trajectories.push_back(create_trajectory(metric));
    }
    Columns columns;
    constexpr hsize_t slab_bytes = 8 * 1024 * 1024;
    const hsize_t slab_rows = std::clamp<hsize_t>(slab_bytes / (sizeof(Real) * points_), 1, runs_);
    std::vector<std::vector<Real>> slabs(metrics_.size());
    for (hsize_t first = 0; first < runs_; first += slab_rows) {
      const hsize_t count = std::min(slab_rows, runs_ - first);
      for (std::vector<Real>& slab : slabs) {
        slab.assign(count * points_, static_cast<Real>(nan));
      }
      for (hsize_t row = 0; row < count; ++row) {
        const std::optional<RunRecord> record = rows(static_cast<std::int64_t>(first + row));
        columns.push(record);
        const std::vector<std::size_t> places = record ? places_of(*record, first + row) : std::vector<std::size_t>();
        for (std::size_t metric = 0; metric < slabs.size(); ++metric) {
          finals[metric].push_back(record ? static_cast<Real>(record->final_values[metric]) : static_cast<Real>(nan));
          for (std::size_t point = 0; point < places.size(); ++point) {
            slabs[metric][row * points_ + places[point]] =
                static_cast<Real>(record->trajectory[metric * places.size() + point]);
          }
        }
        if (record && !record->error.empty()) {
          provenance.failures += "run " + std::to_string(first + row) + ": " + record->error + "\n";
        }
      }
      for (std::size_t metric = 0; metric < slabs.size(); ++metric) {
        write_slab(trajectories[metric], first, count, slabs[metric]);
      }
    }
    for (std::size_t i = 0; i < finals.size(); ++i) {
      Metrics::visit(metrics_[i], [&](auto type) {
        using Metric = typename decltype(type)::type;
        mark_coordinates(write_column("final_" + std::string(Metric::name), finals[i],
                                      std::string(Metric::long_name) + ", at the run's last step",
                                      std::string(Metric::units)));
      });
    }
    return columns;
  }

  Handle create_trajectory(int metric) {
    return Metrics::visit(metric, [&](auto type) {
      using Metric = typename decltype(type)::type;
      const std::string name(Metric::name);
      Handle dataset = create_dataset<Real>(file_.id(), name, {runs_, points_}, static_cast<Real>(nan),
                                            std::string(Metric::long_name), std::string(Metric::units));
      check(H5DSattach_scale(dataset.id(), run_scale_.id(), 0), "attaching run to " + name);
      check(H5DSattach_scale(dataset.id(), step_scale_.id(), 1), "attaching step to " + name);
      mark_coordinates(dataset);
      return dataset;
    });
  }

  /// CF: which columns say what a row is.
  void mark_coordinates(const Handle& dataset) { write_attribute(dataset.id(), "coordinates", coordinates_); }

  /// Where the points of a record are among the steps of the file. Throws StoreError if the record is not of the plan.
  [[nodiscard]] std::vector<std::size_t> places_of(const RunRecord& record, hsize_t row) const {
    const auto run = static_cast<std::int64_t>(row);
    if (const std::string wrong = why_not_of_plan(record, run, plan_); !wrong.empty()) {
      throw StoreError(wrong);
    }
    return places_of_steps(plan_.recorded_steps(plan_.point(run)), plan_.recorded_steps(), record.points);
  }

  void write_slab(const Handle& dataset, hsize_t first, hsize_t count, const std::vector<Real>& values) {
    const std::array<hsize_t, 2> start{first, 0};
    const std::array<hsize_t, 2> shape{count, points_};
    const Handle memory(H5Screate_simple(2, shape.data(), nullptr), H5Sclose, "making a slab");
    const Handle space(H5Dget_space(dataset.id()), H5Sclose, "placing a slab");
    check(H5Sselect_hyperslab(space.id(), H5S_SELECT_SET, start.data(), nullptr, shape.data(), nullptr),
          "placing a slab");
    check(H5Dwrite(dataset.id(), number_type<Real>(), memory.id(), space.id(), H5P_DEFAULT, values.data()),
          "writing a slab");
  }

  void write_columns(const Columns& columns) {
    write_texts("status", columns.status, "how the run ended");
    write_texts("stop_reason", columns.reason, "what ended the run");
    write_texts("solver", columns.solver, "formulation that was computed");
    write_column("steps", columns.steps, "training steps taken; the step of the final values", "1");
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
  const std::vector<int>& metrics_;
  hsize_t runs_;
  hsize_t points_;
  Handle file_;
  Handle run_scale_;
  Handle step_scale_;
  std::string coordinates_;  // columns of the axes, separated by blanks
};

}  // namespace

void write_result_file(const std::filesystem::path& path, const Plan& plan, const RowSource& rows,
                       Provenance provenance) {
  if (plan.precision() == Precision::float32) {
    ResultWriter<float>(path, plan).write(rows, std::move(provenance));
  } else {
    ResultWriter<double>(path, plan).write(rows, std::move(provenance));
  }
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
