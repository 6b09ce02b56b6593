#include "hdf5/hdf5_writing.hpp"

namespace fasweep::hdf5 {
namespace {

Handle make_scalar() {
  return {H5Screate(H5S_SCALAR), H5Sclose, "making a scalar"};
}

}  // namespace

Handle make_text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "making a text type");
  check(H5Tset_size(type.id(), H5T_VARIABLE), "making a text type");
  check(H5Tset_cset(type.id(), H5T_CSET_UTF8), "making a text type");
  return type;
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

Handle create_file(const std::string& path) {
  prepare_library();
  const Handle properties(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "preparing the file");
  constexpr unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
  check(H5Pset_link_creation_order(properties.id(), order), "preparing the file");
  check(H5Pset_obj_track_times(properties.id(), false), "preparing the file");
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "preparing the file");
  // Object headers with checksums, which readers of 2008 and later know.
  check(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_LATEST), "preparing the file");
  return {H5Fcreate(path.c_str(), H5F_ACC_EXCL, properties.id(), access.id()), H5Fclose, "creating '" + path + "'"};
}

std::vector<hsize_t> shape_of(hid_t dataset) {
  const Handle space(H5Dget_space(dataset), H5Sclose, "reading a shape");
  std::vector<hsize_t> shape(static_cast<std::size_t>(std::max(H5Sget_simple_extent_ndims(space.id()), 0)));
  H5Sget_simple_extent_dims(space.id(), shape.data(), nullptr);
  return shape;
}

}  // namespace fasweep::hdf5
