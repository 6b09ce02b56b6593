#include "store/additions.hpp"

#include <hdf5.h>
#include <hdf5_hl.h>

#include <algorithm>
#include <set>

#include "hdf5/hdf5_reading.hpp"
#include "hdf5/hdf5_writing.hpp"
#include "model/metric/list.hpp"
#include "store/damage_guard.hpp"
#include "store/result_writer.hpp"
#include "sweep/keys.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using hdf5::check;
using hdf5::Handle;

/// Names at the root of files of any version: what a file no longer has was not added by others.
std::set<std::string> own_names() {
  std::set<std::string> names{"run",    "step",   "status",      "stop_reason", "solver",         "steps",
                              "worker", "wall_s", "finished_at", "provenance",  first_step_column};
  for (const Key& key : all_keys()) {
    names.emplace(key.column);
  }
  for (std::size_t metric = 0; metric < Metrics::names.size(); ++metric) {
    names.emplace(Metrics::names[metric]);
    names.insert("final_" + std::string(Metrics::names[metric]));
    names.emplace(dimension_of(static_cast<int>(metric)));
  }
  return names;
}

herr_t keep_link_name(hid_t /*group*/, const char* name, const H5L_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::vector<std::string> links_of(hid_t group) {
  std::vector<std::string> names;
  check(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_link_name, &names), "listing what others added");
  return names;
}

herr_t keep_attribute_name(hid_t /*object*/, const char* name, const H5A_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::vector<std::string> attributes_of(hid_t object) {
  std::vector<std::string> names;
  check(H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, nullptr, keep_attribute_name, &names),
        "listing what others added");
  return names;
}

Handle open_object(hid_t group, const std::string& name) {
  return {H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose, "opening " + name};
}

void copy_attribute(hid_t from, hid_t to, const std::string& name) {
  const Handle source(H5Aopen(from, name.c_str(), H5P_DEFAULT), H5Aclose, "opening attribute " + name);
  const Handle type(H5Aget_type(source.id()), H5Tclose, "reading the type of " + name);
  const Handle space(H5Aget_space(source.id()), H5Sclose, "reading the shape of " + name);
  if (H5Tdetect_class(type.id(), H5T_REFERENCE) != 0) {
    throw StoreError("attribute " + name + " refers to other objects");
  }
  const auto values = static_cast<hsize_t>(std::max<hssize_t>(H5Sget_simple_extent_npoints(space.id()), 0));
  constexpr hsize_t most_bytes = hsize_t{1} << 26U;
  const hsize_t size = H5Tget_size(type.id());
  if (size == 0 || values > most_bytes / size) {
    throw StoreError("attribute " + name + " is too large");
  }
  std::vector<std::byte> bytes(std::max<hsize_t>(values * size, 1));
  const Handle target(H5Acreate2(to, name.c_str(), type.id(), space.id(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                      "writing attribute " + name);
  if (H5Sget_simple_extent_type(space.id()) == H5S_NULL) {
    return;
  }
  check(H5Aread(source.id(), type.id(), bytes.data()), "reading attribute " + name);
  const herr_t written = H5Awrite(target.id(), type.id(), bytes.data());
  H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, bytes.data());
  check(written, "writing attribute " + name);
}

herr_t keep_scale_name(hid_t /*dataset*/, unsigned /*dimension*/, hid_t scale, void* name) {
  std::vector<char> text(static_cast<std::size_t>(std::max<ssize_t>(H5Iget_name(scale, nullptr, 0), 0)) + 1);
  H5Iget_name(scale, text.data(), text.size());
  *static_cast<std::string*>(name) = text.data();
  return 1;
}

/// A copied dataset's scales are references into the old file; those of that name and size take their place.
void attach_scales(const Handle& old, hid_t to, const std::string& name) {
  const Handle copy = open_object(to, name);
  if (H5Iget_type(copy.id()) != H5I_DATASET || H5Aexists(copy.id(), "DIMENSION_LIST") <= 0) {
    return;
  }
  check(H5Adelete(copy.id(), "DIMENSION_LIST"), "attaching scales to " + name);
  const std::vector<hsize_t> shape = hdf5::shape_of(copy.id());
  for (unsigned i = 0; i < shape.size(); ++i) {
    std::string scale_name;
    H5DSiterate_scales(old.id(), i, nullptr, keep_scale_name, &scale_name);
    if (scale_name.empty() || H5Lexists(to, scale_name.c_str(), H5P_DEFAULT) <= 0) {
      continue;
    }
    const Handle scale = open_object(to, scale_name);
    if (hdf5::shape_of(scale.id()) == std::vector<hsize_t>{shape[i]}) {
      check(H5DSattach_scale(copy.id(), scale.id(), i), "attaching scales to " + name);
    }
  }
}

void copy_link(hid_t from, hid_t to, const std::string& name) {
  H5L_info_t info{};
  check(H5Lget_info(from, name.c_str(), &info, H5P_DEFAULT), "reading link " + name);
  if (info.type == H5L_TYPE_HARD) {
    check(H5Ocopy(from, name.c_str(), to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), "copying " + name);
    attach_scales(open_object(from, name), to, name);
    return;
  }
  std::vector<char> value(info.u.val_size + 1);
  check(H5Lget_val(from, name.c_str(), value.data(), info.u.val_size, H5P_DEFAULT), "reading link " + name);
  if (info.type == H5L_TYPE_SOFT) {
    check(H5Lcreate_soft(value.data(), to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), "writing link " + name);
    return;
  }
  const char* file = nullptr;
  const char* object = nullptr;
  check(H5Lunpack_elink_val(value.data(), info.u.val_size, nullptr, &file, &object), "reading link " + name);
  check(H5Lcreate_external(file, object, to, name.c_str(), H5P_DEFAULT, H5P_DEFAULT), "writing link " + name);
}

/// Calls `copy` with each name; notes failures and continues with the rest.
template <class Copy>
void copy_each(const std::vector<std::string>& names, std::vector<std::string>& lost, const Copy& copy) {
  for (const std::string& name : names) {
    try {
      copy(name);
    } catch (const Error& error) {
      lost.push_back("'" + name + "': " + error.what());
    }
  }
}

/// Attributes of an object that the new file's own lacks. Those by which versions of fasweep, HDF5 and netCDF describe
/// dimensions and codes go with what they describe.
void copy_attributes(hid_t from, hid_t to, std::vector<std::string>& lost) {
  static const std::set<std::string> descriptions{"DIMENSION_LIST", "REFERENCE_LIST", "CLASS",       "NAME",
                                                  "flag_values",    "flag_meanings",  "coordinates", "_FillValue",
                                                  "units",          "long_name"};
  copy_each(attributes_of(from), lost, [&](const std::string& name) {
    const bool is_description = descriptions.contains(name) || name.starts_with("_Netcdf4") || name.starts_with("_nc");
    if (!is_description && H5Aexists(to, name.c_str()) <= 0) {
      copy_attribute(from, to, name);
    }
  });
}

void copy_all(const Handle& old, const Handle& to, std::vector<std::string>& lost) {
  static const std::set<std::string> own = own_names();
  copy_attributes(old.id(), to.id(), lost);
  copy_each(links_of(old.id()), lost, [&](const std::string& name) {
    if (H5Lexists(to.id(), name.c_str(), H5P_DEFAULT) > 0) {
      const Handle theirs = open_object(old.id(), name);
      const Handle ours = open_object(to.id(), name);
      copy_attributes(theirs.id(), ours.id(), lost);
    } else if (!own.contains(name)) {
      copy_link(old.id(), to.id(), name);
    }
  });
  const Handle theirs = open_object(old.id(), "provenance");
  const Handle ours = open_object(to.id(), "provenance");
  copy_each(links_of(theirs.id()), lost, [&](const std::string& name) {
    if (H5Lexists(ours.id(), name.c_str(), H5P_DEFAULT) <= 0) {
      copy_link(theirs.id(), ours.id(), name);
    }
  });
}

}  // namespace

std::vector<std::string> copy_additions(const std::filesystem::path& from, const Handle& to) {
  std::vector<std::string> lost;
  try {
    const DamageGuard guard(from.string());
    const Handle old = hdf5::open_file(from);
    copy_all(old, to, lost);
  } catch (const Error& error) {
    lost.push_back("'" + from.string() + "': " + error.what());
  }
  return lost;
}

}  // namespace fasweep
