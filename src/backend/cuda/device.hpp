// What host code needs of a CUDA device, without CUDA's headers: memory, streams, events, graphs as RAII handles, and
// the launches. device_cuda.cu implements it; tests/support/device_emulated.cpp does in tests; CMake links one of them.
// Every function throws DeviceError when the device fails. Handles are used by the thread that made them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/sample_space_arguments.hpp"
#include "util/error.hpp"

namespace fasweep {

/// The device has no room for an allocation; nothing else is wrong with it.
class DeviceMemoryError : public DeviceError {
 public:
  using DeviceError::DeviceError;
};

struct DeviceInfo {
  std::string name;
  std::string pci_id;
  std::string uuid;
  int compute_capability = 0;  // 90 is 9.0
  int multiprocessors = 0;
  int shared_bytes_a_block = 0;  // most a kernel may ask for
};

/// Devices this process may use; 0 without a driver.
[[nodiscard]] int count_devices();
[[nodiscard]] DeviceInfo describe_device(int device);

/// Makes `device` the one that this thread uses from here on.
void select_device(int device);

/// Bytes now free on the selected device.
[[nodiscard]] std::size_t free_device_memory();

/// Operations in order; different streams are not ordered.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Waits for everything queued.
  void synchronize();
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

/// A moment in a stream.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(Stream& stream);

  /// Seconds from `start` to this event; waits for both.
  [[nodiscard]] double seconds_since(const Event& start) const;

 private:
  void* handle_ = nullptr;
};

/// Launches that are queued again and again as one.
class Graph {
 public:
  /// Records what `queue` queues on the stream instead of running it.
  Graph(Stream& stream, const std::function<void()>& queue);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(Stream& stream) const;

 private:
  void* handle_ = nullptr;
};

/// Untyped device memory; DeviceBuffer gives it a type.
namespace device_memory {
[[nodiscard]] void* allocate(std::size_t bytes);  // throws DeviceMemoryError; bytes > 0
void release(void* memory);
void upload(void* to, const void* from, std::size_t bytes, Stream& stream);
void download(void* to, const void* from, std::size_t bytes, Stream& stream);  // waits for the copy
void copy(void* to, const void* from, std::size_t bytes, Stream& stream);
void clear(void* memory, std::size_t bytes, Stream& stream);
}  // namespace device_memory

/// `size` numbers on the device, unset until written.
template <class T>
class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t size) : data_(allocate(size)), size_(size) {}
  ~DeviceBuffer() { device_memory::release(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }

  void clear(Stream& stream) { device_memory::clear(data_, size_ * sizeof(T), stream); }

  /// values may be changed or go away once this returns.
  void upload(std::span<const T> values, Stream& stream, std::size_t first = 0) {
    device_memory::upload(data_ + first, values.data(), values.size_bytes(), stream);
  }
  [[nodiscard]] std::vector<T> download(Stream& stream, std::size_t first, std::size_t count) const {
    std::vector<T> values(count);
    device_memory::download(values.data(), data_ + first, count * sizeof(T), stream);
    return values;
  }
  void copy_from(const DeviceBuffer& other, Stream& stream, std::size_t first, std::size_t count) {
    device_memory::copy(data_ + first, other.data_ + first, count * sizeof(T), stream);
  }

 private:
  static T* allocate(std::size_t size) { return static_cast<T*>(device_memory::allocate(size * sizeof(T))); }

  T* data_;
  std::size_t size_;
};

/// Queues one training step, or one observation, of `active` runs (kernels of sample_space_kernels.hpp).
/// activation: position in `Activations`; offset: steps since *batch.first_step.
void queue_train_step(int activation, const SampleSpaceBatch& batch, int active, int offset, Stream& stream);
void queue_observe(int activation, const SampleSpaceBatch& batch, int active, Stream& stream);

/// Whether the kernels were built without fused multiplications and additions but those they ask for, so that they give
/// the bits of the emulation.
[[nodiscard]] bool kernels_are_exact();

}  // namespace fasweep
