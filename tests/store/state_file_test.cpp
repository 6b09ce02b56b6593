// Initial states as other programs leave them; those of fasweep state are read in tests/cli/test_initial_state.py.
#include "store/state_file.hpp"

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>

#include "support/folder.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::Folder;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Part {
  std::string name;
  std::vector<hsize_t> shape;
  std::vector<double> values;  // empty: what HDF5 fills in
};

/// Two hidden units, three inputs, one output.
const Part w{"W", {2, 3}, {1, 2, 3, 4, 5, 6}};
const Part beta{"beta", {2, 1}, {7, 8}};
const Part b{"b", {2, 1}, {9, -0.5}};
const Part hidden_bias{"hidden_bias", {2}, {0.25, 0.5}};
const Part output_bias{"output_bias", {1}, {0.75}};

std::string write_parts(const std::filesystem::path& path, const std::vector<Part>& parts,
                        hid_t type = H5T_IEEE_F64LE) {
  hdf5::prepare_library();
  const hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "file");
  for (const Part& part : parts) {
    const hdf5::Handle space(H5Screate_simple(static_cast<int>(part.shape.size()), part.shape.data(), nullptr),
                             H5Sclose, "space");
    const hdf5::Handle dataset(
        H5Dcreate2(file.id(), part.name.c_str(), type, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
        "dataset");
    if (!part.values.empty()) {
      hdf5::check(H5Dwrite(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, part.values.data()),
                  "write");
    }
  }
  return path.string();
}

std::string refusal_of(const StateSource& source) {
  try {
    static_cast<void>(read_initial_state(source));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string refusal_of(const std::vector<Part>& parts, hid_t type = H5T_IEEE_F64LE) {
  const Folder folder;
  return refusal_of({write_parts(folder / "state.h5", parts, type), {}});
}

InitialState read_parts(const std::vector<Part>& parts, hid_t type = H5T_IEEE_F64LE) {
  const Folder folder;
  return read_initial_state({write_parts(folder / "state.h5", parts, type), {}});
}

TEST(InitialState, ComesBackAsWrittenInEveryType) {
  for (const hid_t type : {H5T_IEEE_F64LE, H5T_IEEE_F64BE, H5T_IEEE_F32LE, H5T_IEEE_F32BE}) {
    const InitialState state = read_parts({w, beta, b}, type);

    EXPECT_EQ(state.width, 2);
    EXPECT_EQ(state.inputs, 3);
    EXPECT_EQ(state.outputs, 1);
    EXPECT_THAT(state.hidden_weight, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(state.output_weight, ElementsAre(7, 8));
    EXPECT_THAT(state.feedback, ElementsAre(9, -0.5));
    EXPECT_FALSE(state.has_biases());
    EXPECT_EQ(state.checksum, read_parts({w, beta, b}).checksum) << "of the numbers, not of the file";
  }
}

TEST(InitialState, HasBiasesWhereTheFileHasThem) {
  const InitialState state = read_parts({w, beta, b, hidden_bias, output_bias});
  EXPECT_THAT(state.hidden_bias, ElementsAre(0.25, 0.5));
  EXPECT_THAT(state.output_bias, ElementsAre(0.75));
  EXPECT_NE(state.checksum, read_parts({w, beta, b}).checksum);
}

TEST(InitialState, OfSeveralStepsIsTheLast) {
  const InitialState state = read_parts({{"W", {2, 2, 3}, {0, 0, 0, 0, 0, NAN, 1, 2, 3, 4, 5, 6}},
                                         {"beta", {2, 2, 1}, {0, 0, 7, 8}},
                                         {"b", {2, 2, 1}, {0, 0, 9, -0.5}},
                                         {"hidden_bias", {2, 2}, {0, 0, 0.25, 0.5}},
                                         {"output_bias", {2, 1}, {0, 0.75}}});
  EXPECT_EQ(state.checksum, read_parts({w, beta, b, hidden_bias, output_bias}).checksum);
  EXPECT_THAT(state.hidden_weight, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(InitialState, ChecksumDependsOnEveryNumberAndOnTheShape) {
  const std::uint32_t checksum = read_parts({w, beta, b, hidden_bias, output_bias}).checksum;
  for (std::size_t part = 0; part < 5; ++part) {
    std::vector<Part> parts{w, beta, b, hidden_bias, output_bias};
    parts[part].values.back() = std::nextafter(parts[part].values.back(), 100.0);
    EXPECT_NE(read_parts(parts).checksum, checksum) << parts[part].name;
  }
  EXPECT_NE(read_parts({{"W", {1, 2}, {1, 1}}, {"beta", {1, 1}, {1}}, {"b", {1, 1}, {1}}}).checksum,
            read_parts({{"W", {1, 1}, {1}}, {"beta", {1, 1}, {1}}, {"b", {1, 1}, {1}}}).checksum);
}

TEST(InitialState, OfAnotherChecksumIsRefused) {
  const Folder folder;
  const std::string path = write_parts(folder / "state.h5", {w, beta, b});
  const std::uint32_t checksum = read_initial_state({path, {}}).checksum;

  EXPECT_THAT(refusal_of({path, checksum}), IsEmpty());
  EXPECT_THAT(refusal_of({path, checksum + 1}),
              AllOf(HasSubstr("state.h5' has checksum"), HasSubstr("give the file the job began with")));
}

TEST(InitialState, OfMissingOrMisshapenPartsIsRefusedByName) {
  EXPECT_THAT(refusal_of({beta, b}), HasSubstr("no dataset W"));
  EXPECT_THAT(refusal_of({w, b}), HasSubstr("no dataset beta"));
  EXPECT_THAT(refusal_of({w, beta}), HasSubstr("no dataset b)"));
  EXPECT_THAT(refusal_of({w, beta, b, hidden_bias}), HasSubstr("no dataset output_bias"));
  EXPECT_THAT(refusal_of({w, beta, b, output_bias}), HasSubstr("no dataset hidden_bias"));
  EXPECT_THAT(refusal_of({{"W", {6}, {}}, beta, b}), HasSubstr("W is 6, not of 2 dimensions"));
  EXPECT_THAT(refusal_of({{"W", {0, 2, 3}, {}}, beta, b}), HasSubstr("W is 0 x 2 x 3"));
  EXPECT_THAT(refusal_of({w, {"beta", {3, 1}, {}}, b}), HasSubstr("W is 2 x 3 and beta 3 x 1, but beta 3 x 1"));
  EXPECT_THAT(refusal_of({w, beta, {"b", {2, 2}, {}}}), HasSubstr("W is 2 x 3 and beta 2 x 1, but b 2 x 2"));
  EXPECT_THAT(refusal_of({w, {"beta", {3, 2, 1}, {}}, b}), HasSubstr("2 x 1 of 3 steps"));
  EXPECT_THAT(refusal_of({w, beta, b, {"hidden_bias", {3}, {}}, output_bias}), HasSubstr("but hidden_bias 3"));
  EXPECT_THAT(refusal_of({w, beta, b, hidden_bias, {"output_bias", {2}, {}}}), HasSubstr("but output_bias 2"));
}

TEST(InitialState, OfOtherThanFiniteFloatsIsRefused) {
  EXPECT_THAT(refusal_of({{"W", {2, 3}, {1, 2, 3, 4, NAN, 6}}, beta, b}), HasSubstr("number 5 of W is not finite"));
  EXPECT_THAT(refusal_of({w, beta, {"b", {1, 2, 1}, {1, INFINITY}}}), HasSubstr("number 2 of b at its last step"));
  EXPECT_THAT(refusal_of({w, beta, b}, H5T_STD_I64LE), HasSubstr("W holds no numbers of float64 or float32"));
  EXPECT_THAT(refusal_of({{"W", {1U << 30U, 1U << 30U}, {}}, beta, b}), HasSubstr("this machine's memory"));
}

TEST(InitialState, OfAFileThatIsNoneIsRefused) {
  const Folder folder;
  EXPECT_THAT(refusal_of({folder / "none.h5", {}}), HasSubstr("no such file"));
  EXPECT_THAT(refusal_of({folder / ".", {}}), HasSubstr("it is no file"));
  std::ofstream(folder / "text.h5") << "W = 1";
  EXPECT_THAT(refusal_of({folder / "text.h5", {}}), HasSubstr("not an HDF5 file"));
  const std::string path = write_parts(folder / "state.h5", {w, beta, b});
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(refusal_of({path, {}}), AllOf(HasSubstr("cannot be used (opening"), HasSubstr("; give a file of")));
}

}  // namespace
}  // namespace fasweep
