#include "store/state_file.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>

#include "hdf5/hdf5_reading.hpp"
#include "hdf5/hdf5_writing.hpp"
#include "model/loss/list.hpp"
#include "model/snapshot.hpp"
#include "util/crc.hpp"
#include "util/error.hpp"
#include "util/machine_limits.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using hdf5::check;
using hdf5::Handle;
using hdf5::write_attribute;

std::vector<std::int64_t> count_up(int size) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(size));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

std::size_t product(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

/// Rows first, first + 1, ... of the inputs as the network sees them: as many as `rows` holds.
void read_inputs(const Problem& problem, int first, std::span<double> rows) {
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  if (problem.dataset == nullptr) {
    std::copy_n(problem.x.begin() + static_cast<std::ptrdiff_t>(product(first, problem.inputs)), rows.size(),
                rows.begin());
    return;
  }
  const Dataset& dataset = *problem.dataset;
  for (std::size_t i = 0; i < rows.size() / inputs; ++i) {
    const std::span<double> row = rows.subspan(i * inputs, inputs);
    std::transform(dataset.shift.begin(), dataset.shift.end(), row.begin(), std::negate<>());
    const std::size_t sample = static_cast<std::size_t>(first) + i;
    for (auto at = static_cast<std::size_t>(dataset.row_begin[sample]);
         at < static_cast<std::size_t>(dataset.row_begin[sample + 1]); ++at) {
      const auto column = static_cast<std::size_t>(dataset.column[at]);
      row[column] += dataset.raw[at] * dataset.scale[column];
    }
  }
}

std::span<const double> targets_of(const Problem& problem) {
  return problem.dataset == nullptr ? std::span<const double>(problem.y) : problem.dataset->y;
}

[[noreturn]] void reject_state(const std::string& path, const std::string& why) {
  throw ConfigError("initial state '" + path + "' cannot be used (" + why +
                    "); give a file of fasweep state, or write datasets W (p x d), beta and b (p x k) and, for biases, "
                    "hidden_bias (p) and output_bias (k) of finite float64 or float32 numbers");
}

/// A dataset's numbers at the last of its steps, if it has the dimension.
struct LastNumbers {
  std::string name;
  std::vector<hsize_t> shape;  // without the steps
  hsize_t steps = 1;
  std::vector<double> values;
};

void require_float(const Handle& dataset, const std::string& name, const std::string& path) {
  const Handle type(H5Dget_type(dataset.id()), H5Tclose, "reading the type of " + name);
  const std::size_t bytes = H5Tget_size(type.id());
  if (H5Tget_class(type.id()) != H5T_FLOAT || (bytes != sizeof(float) && bytes != sizeof(double))) {
    reject_state(path, name + " holds no numbers of float64 or float32");
  }
}

/// A dataset of so many dimensions, or with the steps before them.
LastNumbers read_last(const Handle& file, const std::string& name, std::size_t dimensions, const std::string& path) {
  if (H5Lexists(file.id(), name.c_str(), H5P_DEFAULT) <= 0) {
    reject_state(path, "it has no dataset " + name);
  }
  const Handle dataset(H5Dopen2(file.id(), name.c_str(), H5P_DEFAULT), H5Dclose, "opening dataset " + name);
  require_float(dataset, name, path);
  std::vector<hsize_t> shape = hdf5::shape_of(dataset.id());
  const bool has_steps = shape.size() == dimensions + 1;
  const bool fits = (has_steps || shape.size() == dimensions) && std::ranges::find(shape, 0U) == shape.end();
  const double numbers =
      std::accumulate(shape.begin() + (fits && has_steps ? 1 : 0), shape.end(), 1.0,
                      [](double product, hsize_t size) { return product * static_cast<double>(size); });
  if (!fits || numbers * sizeof(double) > memory_limit().value / 4) {
    reject_state(path, name + " is " + hdf5::write_shape(shape) +
                           (fits ? ", more than a quarter of this machine's memory"
                                 : ", not of " + std::to_string(dimensions) + " dimensions or these after the steps"));
  }
  std::vector<hsize_t> start(shape.size(), 0);
  LastNumbers last{name, shape, 1, {}};
  if (has_steps) {
    last.steps = std::exchange(shape[0], 1);
    start[0] = last.steps - 1;
    last.shape.erase(last.shape.begin());
  }
  last.values = hdf5::read_slab(dataset, start, shape, name);
  if (const auto wrong = std::ranges::find_if_not(last.values, [](double value) { return std::isfinite(value); });
      wrong != last.values.end()) {
    reject_state(path, "number " + std::to_string(wrong - last.values.begin() + 1) + " of " + name +
                           (has_steps ? " at its last step" : "") + " is not finite");
  }
  return last;
}

/// Of everything that a run takes of it.
std::uint32_t checksum_of(const InitialState& state) {
  Crc32c crc;
  const std::array<std::int64_t, 3> counts{state.width, state.inputs, state.outputs};
  crc.add(std::as_bytes(std::span(counts)));
  for (const std::vector<double>* values :
       {&state.hidden_weight, &state.output_weight, &state.feedback, &state.hidden_bias, &state.output_bias}) {
    crc.add(std::as_bytes(std::span(*values)));
  }
  return crc.value();
}

InitialState read_open_state(const Handle& file, const std::string& path) {
  LastNumbers w = read_last(file, "W", 2, path);
  LastNumbers beta = read_last(file, "beta", 2, path);
  const auto require_like = [&](const LastNumbers& other, const std::vector<hsize_t>& shape) {
    if (other.shape != shape || other.steps != w.steps) {
      const auto with_steps = [&](const LastNumbers& of) {
        return hdf5::write_shape(of.shape) +
               (w.steps == other.steps ? "" : " of " + std::to_string(of.steps) + " steps");
      };
      reject_state(path, "W is " + with_steps(w) + " and beta " + hdf5::write_shape(beta.shape) + ", but " +
                             other.name + " " + with_steps(other));
    }
  };
  require_like(beta, {w.shape[0], beta.shape[1]});
  LastNumbers b = read_last(file, "b", 2, path);
  require_like(b, beta.shape);
  constexpr std::size_t most = std::numeric_limits<int>::max();
  if (std::max({w.shape[0], w.shape[1], beta.shape[1]}) > most) {
    reject_state(path, "W is " + hdf5::write_shape(w.shape) + ", larger than any network");
  }
  InitialState state;
  state.width = static_cast<int>(w.shape[0]);
  state.inputs = static_cast<int>(w.shape[1]);
  state.outputs = static_cast<int>(beta.shape[1]);
  state.hidden_weight = std::move(w.values);
  state.output_weight = std::move(beta.values);
  state.feedback = std::move(b.values);
  const auto has = [&](const char* name) { return H5Lexists(file.id(), name, H5P_DEFAULT) > 0; };
  if (has("hidden_bias") || has("output_bias")) {
    LastNumbers hidden = read_last(file, "hidden_bias", 1, path);
    require_like(hidden, {w.shape[0]});
    LastNumbers output = read_last(file, "output_bias", 1, path);
    require_like(output, {beta.shape[1]});
    state.hidden_bias = std::move(hidden.values);
    state.output_bias = std::move(output.values);
  }
  state.checksum = checksum_of(state);
  return state;
}

}  // namespace

InitialState read_initial_state(const StateSource& source) {
  const std::string path = expand_home(source.path);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    reject_state(path, std::filesystem::exists(path, error) ? "it is no file" : "no such file");
  }
  InitialState state = [&] {
    try {
      hdf5::prepare_library();
      if (H5Fis_hdf5(path.c_str()) <= 0) {
        reject_state(path, "not an HDF5 file, or no permission");
      }
      return read_open_state(hdf5::open_file(path), path);
    } catch (const StoreError& failure) {
      reject_state(path, failure.what());
    }
  }();
  if (source.checksum && *source.checksum != state.checksum) {
    throw ConfigError("the initial state '" + path + "' has checksum " + format_checksum(state.checksum) +
                      " (the job's has " + format_checksum(*source.checksum) +
                      "); give the file the job began with, or leave training.initial-checksum out");
  }
  return state;
}

StateFile::StateFile(const std::filesystem::path& path, const Plan& plan, const RunRecord& record,
                     const Problem& problem, std::vector<std::int64_t> steps)
    : problem_(problem),
      steps_(std::move(steps)),
      resolved_job_(resolved_text(plan.job())),
      has_biases_(plan.point(record.run).training.biases),
      file_(hdf5::create_file(path.string())) {
  describe_run(plan, record);
  add_scale("step", steps_, "training step t");
  add_scale("sample", count_up(problem.samples), "training sample");
  if (problem.test_samples > 0) {
    add_scale("test_sample", count_up(problem.test_samples), "held-out sample");
  }
  add_scale("input", count_up(problem.inputs), "input");
  add_scale("unit", count_up(problem.width), "hidden unit");
  add_scale("output", count_up(problem.outputs), "output");
  write_data();
  add_dataset("step_size", {"step"}, "step size eta(t)");
  add_dataset("ridge", {"step"}, "ridge lambda(t)");
  add_dataset("W", {"step", "unit", "input"}, "weights of the hidden units");
  add_dataset("beta", {"step", "unit", "output"}, "output weights");
  add_dataset("b", {"step", "unit", "output"}, "feedback weights, which a rule may learn");
  if (has_biases_) {
    add_dataset("hidden_bias", {"step", "unit"}, "biases of the hidden units");
    add_dataset("output_bias", {"step", "output"}, "biases of the outputs");
  }
  add_dataset("Z", {"step", "unit", "sample"}, "pre-activations W X^T + hidden_bias, without dropout");
  add_dataset("f", {"step", "sample", "output"}, "outputs output_scale psi(Z)^T beta + output_bias");
  add_dataset("e", {"step", "sample", "output"}, "error, prediction minus y; the prediction is f, or softmax(f)");
  if (problem.test_samples > 0) {
    add_dataset("Z_test", {"step", "unit", "test_sample"}, "pre-activations of the held-out samples");
    add_dataset("f_test", {"step", "test_sample", "output"}, "outputs of the held-out samples");
  }
}

template <class Value>
void StateFile::describe(const std::string& name, const Value& value) {
  if (H5Aexists(file_.id(), name.c_str()) == 0) {
    write_attribute(file_.id(), name.c_str(), value);
  }
}

void StateFile::describe_run(const Plan& plan, const RunRecord& record) {
  const Point point = plan.point(record.run);
  const TrainingSettings& t = point.training;
  describe("Conventions", std::string("CF-1.8"));
  describe("schema", std::string(state_schema));
  describe("title", std::string("fasweep: the network of one training run"));
  describe("plan_hash", format_hash(plan.hash()));
  describe("run", record.run);
  for (const Key* key : plan.columns()) {
    const std::string name(key->column);
    if (key->kind == KeyKind::whole) {
      describe(name, static_cast<std::int64_t>(key->get(point)));
    } else if (key->kind == KeyKind::real) {
      describe(name, key->get(point));
    } else {
      describe(name, write_value(*key, point));
    }
  }
  describe("solver", std::string(name_of(record.solver)));
  describe("precision", std::string(precision_names[static_cast<std::size_t>(record.precision)]));
  describe("loss", std::string(loss_function_names[static_cast<std::size_t>(t.loss)]));
  describe("output_scale", t.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(static_cast<double>(problem_.width)));
}

void StateFile::add_scale(const std::string& name, const std::vector<std::int64_t>& values,
                          const std::string& long_name) {
  Handle scale = hdf5::create_dataset<std::int64_t>(file_.id(), name, {values.size()}, 0, long_name, "1");
  hdf5::write_all(scale, values, name);
  check(H5DSset_scale(scale.id(), name.c_str()), "making " + name + " a scale");
  scales_.emplace(name, std::move(scale));
}

void StateFile::add_dataset(const std::string& name, const std::vector<std::string>& dimensions,
                            const std::string& long_name) {
  std::vector<hsize_t> shape;
  shape.reserve(dimensions.size());
  for (const std::string& dimension : dimensions) {
    shape.push_back(hdf5::shape_of(scales_.at(dimension).id())[0]);
  }
  constexpr double fill = std::numeric_limits<double>::quiet_NaN();
  Handle dataset = hdf5::create_dataset<double>(file_.id(), name, shape, fill, long_name, "1");
  for (unsigned i = 0; i < dimensions.size(); ++i) {
    check(H5DSattach_scale(dataset.id(), scales_.at(dimensions[i]).id(), i), "attaching a scale to " + name);
  }
  datasets_.emplace(name, std::move(dataset));
}

void StateFile::write(const std::string& name, const std::vector<hsize_t>& start, const std::vector<hsize_t>& shape,
                      std::span<const double> values) {
  hdf5::write_slab(datasets_.at(name), start, shape, values);
}

void StateFile::write_data() {
  const auto inputs = static_cast<hsize_t>(problem_.inputs);
  const auto outputs = static_cast<hsize_t>(problem_.outputs);
  const auto write_rows = [&](const std::string& suffix, const std::string& dimension, int begin, int count) {
    add_dataset("X" + suffix, {dimension, "input"}, "inputs as the network sees them");
    add_dataset("y" + suffix, {dimension, "output"}, "targets");
    constexpr int block_numbers = 1 << 17;
    const int most = std::max(block_numbers / problem_.inputs, 1);
    for (int first = 0; first < count; first += most) {
      const int rows = std::min(most, count - first);
      std::vector<double> block(product(rows, problem_.inputs));
      read_inputs(problem_, begin + first, block);
      write("X" + suffix, {static_cast<hsize_t>(first), 0}, {static_cast<hsize_t>(rows), inputs}, block);
    }
    write("y" + suffix, {0, 0}, {static_cast<hsize_t>(count), outputs},
          targets_of(problem_).subspan(product(begin, problem_.outputs), product(count, problem_.outputs)));
  };
  write_rows("", "sample", 0, problem_.samples);
  if (problem_.test_samples > 0) {
    write_rows("_test", "test_sample", problem_.samples, problem_.test_samples);
  }
}

void StateFile::visit(std::int64_t /*run*/, const Snapshot& snapshot) {
  if (complete() || snapshot.step() != steps_[written_]) {
    return;
  }
  const auto n = static_cast<hsize_t>(problem_.samples);
  const auto tests = static_cast<hsize_t>(problem_.test_samples);
  const auto units = static_cast<hsize_t>(problem_.width);
  const auto outputs = static_cast<hsize_t>(problem_.outputs);
  const hsize_t step = written_;
  const double step_size = snapshot.step_size();
  const double ridge = snapshot.ridge();
  write("step_size", {step}, {1}, {&step_size, 1});
  write("ridge", {step}, {1}, {&ridge, 1});
  write("beta", {step, 0, 0}, {1, units, outputs}, snapshot.output_weight());
  write("b", {step, 0, 0}, {1, units, outputs}, snapshot.feedback());
  if (has_biases_) {
    write("hidden_bias", {step, 0}, {1, units}, snapshot.hidden_bias());
    write("output_bias", {step, 0}, {1, outputs}, snapshot.output_bias());
  }
  const std::span<const double> f = snapshot.outputs();
  write("f", {step, 0, 0}, {1, n, outputs}, f.first(n * outputs));
  write("e", {step, 0, 0}, {1, n, outputs}, snapshot.errors());
  if (tests > 0) {
    write("f_test", {step, 0, 0}, {1, tests, outputs}, f.subspan(n * outputs));
  }
  write_hidden(snapshot);
  ++written_;
}

void StateFile::write_hidden(const Snapshot& snapshot) {
  const auto inputs = static_cast<hsize_t>(problem_.inputs);
  const hsize_t step = written_;
  snapshot.for_each_block(HiddenParts::units, [&](const HiddenBlock& block) {
    const auto first = static_cast<hsize_t>(block.first);
    const auto units = static_cast<hsize_t>(block.units);
    std::vector<double> weights(units * inputs);
    snapshot.read_hidden_weight(block.first, weights);
    write("W", {step, first, 0}, {1, units, inputs}, weights);
    const auto write_columns = [&](const std::string& name, int begin, int count) {
      std::vector<double> z;  // units x count of units x rows
      for (hsize_t u = 0; u < units; ++u) {
        const auto row = block.pre_activation.subspan(u * static_cast<hsize_t>(snapshot.sizes().rows()));
        z.insert(z.end(), row.begin() + begin, row.begin() + begin + count);
      }
      write(name, {step, first, 0}, {1, units, static_cast<hsize_t>(count)}, z);
    };
    write_columns("Z", 0, problem_.samples);
    if (problem_.test_samples > 0) {
      write_columns("Z_test", problem_.samples, problem_.test_samples);
    }
  });
}

void StateFile::finish(const std::string& source, const std::string& check_text, const std::string& command,
                       const std::string& build) {
  describe("source", source);
  describe("check", check_text);
  describe("history", command);
  const Handle group(H5Gcreate2(file_.id(), "provenance", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                     "creating /provenance");
  hdf5::write_text(group.id(), "job", resolved_job_);
  hdf5::write_text(group.id(), "build", build);
  check(H5Fflush(file_.id(), H5F_SCOPE_GLOBAL), "flushing the state file");
}

}  // namespace fasweep
