#include "hdf5/hdf5_handle.hpp"

#include <algorithm>
#include <cstdlib>

#include "util/error.hpp"

namespace fasweep::hdf5 {
namespace {

/// The deepest entry of HDF5's error stack, which names the cause.
herr_t keep_description(unsigned /*depth*/, const H5E_error2_t* entry, void* text) {
  if (entry->desc != nullptr) {
    std::string& line = *static_cast<std::string*>(text);
    line = entry->desc;
    std::replace(line.begin(), line.end(), '\n', ' ');
  }
  return 0;
}

[[noreturn]] void fail(const std::string& what) {
  std::string cause = "no reason given";
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_description, &cause);
  throw StoreError(what + " failed (HDF5: " + cause + "); check the disk and the file");
}

}  // namespace

void prepare_library() {
  // Read by HDF5 when it starts, of whatever version. fasweep has a lock of its own, which says who holds it; HDF5's
  // only adds failure, on file systems without locks above all.
  static const bool locks_are_off = setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1) == 0;
  static_cast<void>(locks_are_off);
  static_cast<void>(H5dont_atexit());  // fails when it was called before, which is as good
  check(H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr), "silencing HDF5");
}

hid_t check_id(hid_t id, const std::string& what) {
  if (id < 0) {
    fail(what);
  }
  return id;
}

void check(herr_t status, const std::string& what) {
  if (status < 0) {
    fail(what);
  }
}

}  // namespace fasweep::hdf5
