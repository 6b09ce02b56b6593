#include "data/hdf5_table.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/data_case.hpp"
#include "hdf5/hdf5_handle.hpp"
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
  EXPECT_THAT(refusal_of({x, {"y", {4}, {1, 2, 3, 4}}}), HasSubstr("x has 2 rows and y 4"));
  EXPECT_THAT(refusal_of({x, y, {"x_test", {1, 2}, {1, 2}}, {"y_test", {1}, {1}}}), HasSubstr("other columns"));
  EXPECT_THAT(
      refusal_of({x, {"y_train_labels", {2}, {7, 8}}, {"meta", {1, 2, 3}, {1, 2, 3, 4, 5, 6}}}),
      HasSubstr("no dataset y nor one of a usual name, but 'meta' (1 x 2 x 3), 'x' (2 x 3), 'y_train_labels' (2)"));
  EXPECT_THAT(refusal_of({y, {"images", {2, 3}, {1, 2, 3, 4, 5, 6}}, {"data", {2, 3}, {1, 2, 3, 4, 5, 6}}}),
              HasSubstr("'images' and 'data' could both be meant"));
  EXPECT_THAT(refusal_of({{"x", {2, 2}, {1, 2, 3, 4}}, {"y", {1, 2}, {1, 2}}}), HasSubstr("rows or columns"));
  EXPECT_THAT(refusal_of({x, y, {"x_test", {1, 3}, {1, 2, 3}}}), HasSubstr("x_test and no test targets"));
  EXPECT_THAT(refusal_of({{"x", {0, 3}, {}}, y}), HasSubstr("x is 0 x 3"));
}

TEST(Hdf5Table, WhatIsNoTableIsNamed) {
  const Folder folder;
  testing::write_bytes(folder / "text", {'1', ',', '2'});
  EXPECT_THAT(refusal([&] { return read_hdf5_table(folder / "text"); }),
              HasSubstr("text' cannot be used (not an HDF5 file"));
  EXPECT_THAT(refusal([&] { return read_hdf5_table(folder / "none"); }),
              HasSubstr("none' cannot be read (No such file"));
  testing::write_bytes(folder / "zip", {'P', 'K', 3, 4});
  EXPECT_THAT(refusal([&] { return read_hdf5_table(folder / "zip"); }), HasSubstr("it is a zip archive"));
}

TEST(Hdf5Table, ImagesBecomeRows) {
  const Folder folder;
  write_parts(folder / "table.h5", {{"images", {2, 1, 3}, {1, 2, 3, 4, 5, 6}}, {"labels", {2, 1}, {7, 8}}});

  const Hdf5Table table = read_hdf5_table(folder / "table.h5");

  EXPECT_EQ(table.train.inputs, 3);
  EXPECT_THAT(table.train.x, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(table.train.y, ElementsAre(7, 8));
  EXPECT_EQ(table.train.reading, "inputs 'images' (2 x 1 x 3), target 'labels'");
}

TEST(Hdf5Table, ColumnsFirstAsMatlabStoresIsTurned) {
  for (const Part& targets : {Part{"y", {1, 2}, {7, 8}}, Part{"y", {2}, {7, 8}}}) {
    const Folder folder;
    write_parts(folder / "table.h5", {{"x", {3, 2}, {1, 4, 2, 5, 3, 6}}, targets});

    const Hdf5Table table = read_hdf5_table(folder / "table.h5");

    EXPECT_EQ(table.train.rows, 2);
    EXPECT_THAT(table.train.x, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(table.train.y, ElementsAre(7, 8));
    EXPECT_THAT(table.train.reading, HasSubstr("transposed, as MATLAB"));
  }
}

TEST(Hdf5Table, TargetsInARowAreTurnedAlone) {
  const Folder folder;
  write_parts(folder / "table.h5", {x, {"y", {1, 2}, {7, 8}}});

  const Hdf5Table table = read_hdf5_table(folder / "table.h5");

  EXPECT_THAT(table.train.x, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(table.train.y, ElementsAre(7, 8));
}

TEST(Hdf5Table, OwnNamesGoBeforeAllOthers) {
  const Folder folder;
  write_parts(folder / "table.h5", {x, y, {"X_test", {1, 3}, {1, 2, 3}}, {"y_test", {1}, {1}}, {"X", {1}, {1}}});

  const Hdf5Table table = read_hdf5_table(folder / "table.h5");

  EXPECT_EQ(table.train.rows, 2);
  EXPECT_FALSE(table.test);
  EXPECT_THAT(table.train.doubts, ElementsAre(HasSubstr("y_test is not read")));
}

TEST(Hdf5Table, FileMayBeCompressedAsAWhole) {
  const Folder folder;
  write_parts(folder / "table.h5", {x, y});
  std::ifstream file(folder / "table.h5", std::ios::binary);
  const FileBytes bytes{std::istreambuf_iterator<char>(file), {}};
  testing::write_bytes(folder / "table.h5.gz", testing::gzip(bytes));

  EXPECT_THAT(read_hdf5_table(folder / "table.h5.gz").train.x, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Hdf5Table, SizesBeyondThisMachineAreRefusedBeforeTheyAreRead) {
  EXPECT_THAT(refusal_of({{"x", {hsize_t{1} << 40U, 3}, {}}, y}), HasSubstr("numbers in all"));
}

}  // namespace
}  // namespace fasweep
