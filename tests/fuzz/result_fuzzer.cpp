// Result files of other origin, which are valid HDF5: whatever attributes and datasets they have, of whatever class,
// shape and size, they are read or refused. The bytes say what of a sound file is replaced: four bytes an edit, which
// object, what type, what shape, what it is filled with. Damage to HDF5's own structures is not for a fuzzer of ours:
// tests/faults/damage.py. Shards are result files, and merge reads them by the same functions.
#include <hdf5.h>

#include <array>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/fuzzer.hpp"
#include "hdf5/hdf5_handle.hpp"
#include "store/export_csv.hpp"
#include "store/recorded_runs.hpp"
#include "store/result_file.hpp"
#include "util/error.hpp"

namespace {

using namespace fasweep;
using hdf5::Handle;
namespace fs = std::filesystem;

const Plan& plan() {
  static const Plan plan(
      parse_job("[grid]\np = 2, 3\nseed = 0..1\n[training]\nmax-steps = 4\n[record]\nmetrics = loss, alignment\n"
                "steps = log(4)\n",
                "fuzz.cfg"));
  return plan;
}

RunRecord make_record(std::int64_t run) {
  RunRecord record;
  record.run = run;
  record.steps = 4;
  record.status = RunStatus::done;
  record.reason = StopReason::max_steps;
  record.solver = Solver::weight_space;
  record.metrics = static_cast<std::uint32_t>(plan().layout().values);
  record.points = static_cast<std::uint32_t>(plan().recorded_steps().size());
  record.trajectory.assign(record.metrics * record.points, 0.5);
  record.final_values.assign(record.metrics, 0.5);
  return record;
}

fs::path make_sound_file() {
  static const testing::FuzzerFolder folder;
  const fs::path path = folder / "sound.h5";
  if (!fs::exists(path)) {
    const std::vector<std::string> lost = write_result_file(
        path, plan(), [](std::int64_t run) { return std::optional(make_record(run)); }, {"build", "a", "b", ""});
    testing::require(lost.empty() && ResultFile(path).find_problems().empty(), "the file begun with is sound");
  }
  return path;
}

constexpr std::array attributes{"schema", "complete", "plan_hash", "count_done", "count_pending", "history"};
constexpr std::array datasets{"run",
                              "step",
                              "status",
                              "stop_reason",
                              "solver",
                              "steps",
                              "worker",
                              "wall_s",
                              "p",
                              "lambda",
                              "activation",
                              "loss",
                              "seed",
                              "final_loss",
                              "provenance/job",
                              "provenance/failures",
                              "rule",
                              "alignment",
                              "provenance/build",
                              "provenance/sessions",
                              "first_step_deviation"};

Handle make_type(std::uint8_t choice) {
  const auto copy = [](hid_t type) { return Handle(H5Tcopy(type), H5Tclose, "a type"); };
  switch (choice % 8) {
    case 0:
      return copy(H5T_STD_I64LE);
    case 1:
      return copy(H5T_IEEE_F64LE);
    case 2:
      return copy(H5T_IEEE_F32LE);
    case 3:
      return copy(H5T_STD_U8LE);
    case 4:
      return copy(H5T_IEEE_F32BE);
    case 5:
      return copy(H5T_C_S1);  // one letter
    case 6: {
      Handle text = copy(H5T_C_S1);
      hdf5::check(H5Tset_size(text.id(), H5T_VARIABLE), "a type");
      return text;
    }
    default:
      return {H5Tvlen_create(H5T_STD_I64LE), H5Tclose, "a type"};
  }
}

Handle make_space(std::uint8_t choice) {
  const auto simple = [](std::vector<hsize_t> shape) {
    return Handle(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, "a shape");
  };
  switch (choice % 8) {
    case 0:
      return {H5Screate(H5S_SCALAR), H5Sclose, "a shape"};
    case 1:
      return {H5Screate(H5S_NULL), H5Sclose, "a shape"};
    case 2:
      return simple({4});
    case 3:
      return simple({0});
    case 4:
      return simple({2});
    case 5:
      return simple({4, static_cast<hsize_t>(plan().recorded_steps().size())});
    case 6:
      return simple({1000});
    default:
      return simple({2, 3, 4});
  }
}

/// As many bytes as the space and type have, all the same; pointers of texts and sequences are to one of each.
std::vector<std::byte> make_values(const Handle& type, const Handle& space, std::uint8_t fill) {
  static const char* const text = "text";
  static std::array<std::int64_t, 3> numbers{1, 2, 3};
  const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id()));
  std::vector<std::byte> bytes(count * H5Tget_size(type.id()) + 1, std::byte{fill});
  for (std::size_t i = 0; i < count && H5Tis_variable_str(type.id()) > 0; ++i) {
    reinterpret_cast<const char**>(bytes.data())[i] = text;
  }
  for (std::size_t i = 0; i < count && H5Tget_class(type.id()) == H5T_VLEN; ++i) {
    reinterpret_cast<hvl_t*>(bytes.data())[i] = {numbers.size(), numbers.data()};
  }
  return bytes;
}

void replace(const Handle& file, const std::uint8_t* edit) {
  const Handle type = make_type(edit[1]);
  const Handle space = make_space(edit[2]);
  const std::vector<std::byte> values = make_values(type, space, edit[3]);
  const std::size_t object = edit[0] % (attributes.size() + datasets.size());
  if (object < attributes.size()) {
    const char* name = attributes[object];
    H5Adelete(file.id(), name);
    const Handle attribute(H5Acreate2(file.id(), name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                           "an attribute");
    H5Awrite(attribute.id(), type.id(), values.data());
    return;
  }
  const char* name = datasets[object - attributes.size()];
  H5Ldelete(file.id(), name, H5P_DEFAULT);
  const Handle dataset(H5Dcreate2(file.id(), name, type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                       H5Dclose, "a dataset");
  H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const testing::FuzzerFolder folder;
  const fs::path path = folder / "fuzz.h5";
  fs::copy_file(make_sound_file(), path, fs::copy_options::overwrite_existing);
  {
    const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose, "the file");
    constexpr std::size_t most_edits = 8;
    for (std::size_t i = 0; i + 4 <= size && i < 4 * most_edits; i += 4) {
      replace(file, data + i);
    }
  }
  try {
    const ResultFile file(path);
    testing::require(!file.sealed(), "what HDF5 has written to carries no seal");
    static_cast<void>(file.training_seconds());
    static_cast<void>(file.find_problems());
    std::ostringstream out;
    export_csv(path, out, CsvRows::steps);
    RecordedRuns(path).for_each_record(file.plan(), [](const RunRecord& record) {
      testing::require(record.trajectory.size() == std::size_t{record.metrics} * record.points, "records are whole");
    });
  } catch (const Error&) {
    return 0;
  }
  return 0;
}
