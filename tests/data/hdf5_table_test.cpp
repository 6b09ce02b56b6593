#include "data/hdf5_table.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"
#include "store/hdf5_handle.hpp"
#include "support/folder.hpp"

namespace fasweep {
namespace {

using ::testing::ElementsAre;
using testing::Folder;
using ::testing::HasSubstr;
using testing::refusal;

struct Part {
  std::string name;
  std::vector<hsize_t> sizes;
  std::vector<double> values;
};

void write_parts(const std::filesystem::path& path, const std::vector<Part>& parts) {
  hdf5::prepare_library();
  const hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "file");
  for (const Part& part : parts) {
    const hdf5::Handle space(H5Screate_simple(static_cast<int>(part.sizes.size()), part.sizes.data(), nullptr),
                             H5Sclose, "space");
    const hdf5::Handle dataset(
        H5Dcreate2(file.id(), part.name.c_str(), H5T_IEEE_F32BE, space.id(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
        H5Dclose, "dataset");
    if (!part.values.empty()) {
      hdf5::check(H5Dwrite(dataset.id(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, part.values.data()),
                  "write");
    }
  }
}

std::string refusal_of(const std::vector<Part>& parts) {
  const Folder folder;
  write_parts(folder / "table.h5", parts);
  return refusal([&] { return read_hdf5_table(folder / "table.h5"); });
}

const Part x{"x", {2, 3}, {1, 2, 3, 4, 5, 6}};
const Part y{"y", {2}, {7, 8}};

TEST(Hdf5Table, PartsComeBackAsWritten) {
  const Folder folder;
  write_parts(folder / "table.h5", {x, y, {"x_test", {1, 3}, {9, 10, 11}}, {"y_test", {1, 1}, {12}}});

  const Hdf5Table table = read_hdf5_table(folder / "table.h5");

  EXPECT_EQ(table.train.rows, 2);
  EXPECT_EQ(table.train.inputs, 3);
  EXPECT_THAT(table.train.x, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(table.train.y, ElementsAre(7, 8));
  ASSERT_TRUE(table.test);
  EXPECT_THAT(table.test->x, ElementsAre(9, 10, 11));
  EXPECT_THAT(table.test->y, ElementsAre(12));
}

TEST(Hdf5Table, TestSamplesNeedNotBeThere) {
  const Folder folder;
  write_parts(folder / "table.h5", {x, y});
  EXPECT_FALSE(read_hdf5_table(folder / "table.h5").test);
}

TEST(Hdf5Table, WhatIsNotFiniteIsNamedByRowAndColumn) {
  EXPECT_THAT(refusal_of({{"x", {2, 3}, {1, 2, 3, 4, NAN, 6}}, y}), HasSubstr("row 2, column 2 of x is not a finite"));
  EXPECT_THAT(refusal_of({x, {"y", {2}, {INFINITY, 1}}}), HasSubstr("row 1, column 1 of y"));
}

TEST(Hdf5Table, MissingOrMismatchedPartsAreNamed) {
  EXPECT_THAT(refusal_of({x}), HasSubstr("no dataset y"));
  EXPECT_THAT(refusal_of({x, {"y", {3}, {1, 2, 3}}}), HasSubstr("x has 2 rows and y 3"));
  EXPECT_THAT(refusal_of({x, y, {"x_test", {1, 2}, {1, 2}}, {"y_test", {1}, {1}}}), HasSubstr("other columns"));
  EXPECT_THAT(refusal_of({{"x", {1, 2, 3}, {1, 2, 3, 4, 5, 6}}, y}), HasSubstr("3 dimensions"));
  EXPECT_THAT(refusal_of({{"x", {0, 3}, {}}, y}), HasSubstr("x is 0 x 3"));
}

TEST(Hdf5Table, WhatIsNoTableIsNamed) {
  const Folder folder;
  testing::write_bytes(folder / "text", {'1', ',', '2'});
  EXPECT_THAT(refusal([&] { return read_hdf5_table(folder / "text"); }), HasSubstr("text' cannot be used (not there"));
  EXPECT_THAT(refusal([&] { return read_hdf5_table(folder / "none"); }), HasSubstr("none' cannot be used (not there"));
}

}  // namespace
}  // namespace fasweep
