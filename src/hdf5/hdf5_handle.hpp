// RAII for HDF5 identifiers and one check for every HDF5 call. HDF5 appears in this folder only.
#pragma once

#include <string>
#include <utility>

#include <hdf5.h>

namespace fasweep::hdf5 {

/// Call before the first use of HDF5, any number of times: we report its errors, it locks no file, and it does nothing
/// at exit, where it would crash on a file that could not be written to disk.
void prepare_library();

/// Throws StoreError "problem (HDF5: its own words); ..." if the call failed; HDF5 prints nothing by itself.
hid_t check_id(hid_t id, const std::string& what);
void check(herr_t status, const std::string& what);

/// Owns an identifier and closes it with the function that belongs to its kind.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  /// Checks `id` first; `what` says what was attempted, for the message.
  Handle(hid_t id, Close close, const std::string& what) : id_(check_id(id, what)), close_(close) {}
  ~Handle() {
    if (id_ >= 0) {
      close_(id_);
    }
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  [[nodiscard]] hid_t id() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

}  // namespace fasweep::hdf5
