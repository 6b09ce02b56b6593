// What host code needs of a CUDA device, without CUDA's headers: memory, streams, events, graphs as RAII handles,
// products, and the launches. device_cuda.cu and products_cuda.cpp implement it; tests/support/device_emulated.cpp does
// in tests; CMake links the one or the other. Every function throws DeviceError when the device fails. Handles are used
// by the thread that made them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/resident_arguments.hpp"
#include "backend/cuda/sample_space_arguments.hpp"
#include "backend/cuda/weight_space_arguments.hpp"
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

  /// Waits for the moment; returns at once if none was recorded.
  void wait() const;

  /// What is queued on the stream from here on waits for the moment.
  void hold(Stream& stream) const;

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

/// Untyped memory; the buffers below give it a type.
namespace device_memory {
[[nodiscard]] void* allocate(std::size_t bytes);  // throws DeviceMemoryError; bytes > 0
void release(void* memory);                       // nullptr: nothing happens
void upload(void* to, const void* from, std::size_t bytes, Stream& stream);
void download(void* to, const void* from, std::size_t bytes, Stream& stream);  // waits for the copy
void copy(void* to, const void* from, std::size_t bytes, Stream& stream);
void clear(void* memory, std::size_t bytes, Stream& stream);

/// Page-locked memory of the host, to and from which queued copies do not wait; bytes > 0.
[[nodiscard]] void* allocate_host(std::size_t bytes);
void release_host(void* memory);
void queue_upload(void* to, const void* from, std::size_t bytes, Stream& stream);
void queue_download(void* to, const void* from, std::size_t bytes, Stream& stream);
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

  // These do nothing if there are no numbers.
  void clear(Stream& stream) {
    if (size_ > 0) {
      device_memory::clear(data_, size_ * sizeof(T), stream);
    }
  }

  /// values may be changed or freed once this returns.
  void upload(std::span<const T> values, Stream& stream, std::size_t first = 0) {
    if (!values.empty()) {
      device_memory::upload(data_ + first, values.data(), values.size_bytes(), stream);
    }
  }
  [[nodiscard]] std::vector<T> download(Stream& stream, std::size_t first, std::size_t count) const {
    std::vector<T> values(count);
    if (count > 0) {
      device_memory::download(values.data(), data_ + first, count * sizeof(T), stream);
    }
    return values;
  }
  void copy_from(const DeviceBuffer& other, Stream& stream, std::size_t first, std::size_t count) {
    if (count > 0) {
      device_memory::copy(data_ + first, other.data_ + first, count * sizeof(T), stream);
    }
  }

 private:
  static T* allocate(std::size_t size) {
    return size == 0 ? nullptr : static_cast<T*>(device_memory::allocate(size * sizeof(T)));
  }

  T* data_;
  std::size_t size_;
};

/// Page-locked numbers of the host, unset until written.
template <class T>
class HostBuffer {
 public:
  explicit HostBuffer(std::size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(device_memory::allocate_host(size * sizeof(T)))), size_(size) {}
  ~HostBuffer() { device_memory::release_host(data_); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  [[nodiscard]] std::span<T> values() const { return {data_, size_}; }

 private:
  T* data_;
  std::size_t size_;
};

/// Numbers that the host sends again and again; sending waits for nothing but the sending before.
template <class T>
class SentBuffer {
 public:
  explicit SentBuffer(std::size_t size) : host_(size), device_(size) {}

  [[nodiscard]] T* data() const { return device_.data(); }

  /// values: as many as fit; they may be freed once this returns.
  void queue(std::span<const T> values, Stream& stream) {
    if (values.empty()) {
      return;
    }
    sent_.wait();
    std::copy(values.begin(), values.end(), host_.values().begin());
    device_memory::queue_upload(device_.data(), host_.values().data(), values.size_bytes(), stream);
    sent_.record(stream);
  }

 private:
  HostBuffer<T> host_;
  DeviceBuffer<T> device_;
  Event sent_;
};

/// Numbers that the device hands back while it keeps working.
template <class T>
class FetchedBuffer {
 public:
  explicit FetchedBuffer(std::size_t size) : host_(size), device_(size) {}

  [[nodiscard]] T* data() const { return device_.data(); }
  [[nodiscard]] std::size_t size() const { return device_.size(); }

  /// Valid once the stream was waited for.
  void queue(Stream& stream) {
    if (size() > 0) {
      device_memory::queue_download(host_.values().data(), device_.data(), host_.values().size_bytes(), stream);
    }
  }
  [[nodiscard]] std::span<const T> fetched() const { return host_.values(); }

 private:
  HostBuffer<T> host_;
  DeviceBuffer<T> device_;
};

/// C_i <- op(A_i) op(B_i) + beta C_i for 0 <= i < count, as BLAS's gemm does it: matrices are column-major, ld_a is
/// the distance of A's columns, stride_a that from A_i to A_(i+1), both in numbers; op(A) is rows x depth, op(B) depth
/// x columns. With beta = 0, C may be unset. Factors: float, or HalfPair for numbers of 16 bits, two in one (lengths
/// are in numbers all the same); C is float32, and so are the sums.
enum class ProductOp { plain, transposed };
template <class Factors>
struct ProductOf {
  using Op = ProductOp;
  Op op_a = Op::plain;
  Op op_b = Op::plain;
  int rows = 0;
  int columns = 0;
  int depth = 0;
  const Factors* a = nullptr;
  int ld_a = 0;
  std::int64_t stride_a = 0;
  const Factors* b = nullptr;
  int ld_b = 0;
  std::int64_t stride_b = 0;
  float beta = 0;
  float* c = nullptr;
  int ld_c = 0;
  std::int64_t stride_c = 0;
  int count = 1;
};
using Product = ProductOf<float>;
using HalfProduct = ProductOf<HalfPair>;  // with beta = 0

/// Why products are unavailable: the library that makes them is missing. Empty: they are available.
[[nodiscard]] std::string why_no_products();  // also in cuda_trainer.hpp, for code that must not see devices

/// Queues products on a stream, which outlives it.
class Products {
 public:
  explicit Products(Stream& stream);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  void queue(const Product& product);
  void queue(const HalfProduct& product);  // by tensor cores where there are any

 private:
  void* handle_ = nullptr;
};

/// Queues one training step, or one observation, of `active` runs (kernels of sample_space_kernels.hpp).
/// activation: position in `Activations`; offset: steps since *batch.first_step.
void queue_train_step(int activation, const SampleSpaceBatch& batch, int active, int offset, Stream& stream);
void queue_observe(int activation, const SampleSpaceBatch& batch, int active, Stream& stream);

/// Queues the resident kernel (resident_kernels.hpp): batch.order's runs until they end or batch.steps_a_launch is used
/// up, batch.clusters at once.
void queue_resident(int activation, const ResidentBatch& batch, Stream& stream);

/// Clusters of this batch that the device holds at once; 0: not even one. batch.clusters does not matter, but is > 0.
[[nodiscard]] int count_resident_clusters(int activation, const ResidentBatch& batch);

/// Queue the kernels of weight_space_kernels.hpp and halves_kernels.hpp, `active` runs each.
void queue_gather(const WeightSpaceBatch& batch, const SamplePass& pass, int problems, Stream& stream);
void queue_activate(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream);
void queue_errors(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream);
void queue_signal(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use,
                  int active, Stream& stream);
void queue_update_output(const WeightSpaceBatch& batch, const SamplePass& pass, double* squares, int active,
                         Stream& stream);
void queue_update_biases(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream);
void queue_decay_hidden(const WeightSpaceBatch& batch, const SamplePass& pass, double* squares, int active,
                        Stream& stream);
void queue_observe_output(const WeightSpaceBatch& batch, double* sums, int active, Stream& stream);
void queue_observe_hidden(const WeightSpaceBatch& batch, const float* initial, double* squares, int active,
                          Stream& stream);
void queue_gather_counts(const WeightSpaceBatch& batch, const SamplePass& pass, std::int64_t stride, int active,
                         Stream& stream);
void queue_split_hidden(const WeightSpaceBatch& batch, int first_run, int runs, Stream& stream);
void queue_split_signal(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use,
                        int active, Stream& stream);
void queue_update_hidden(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream);
void queue_finish_gradient(const WeightSpaceBatch& batch, float* gradient, int active, Stream& stream);
void queue_compare_gradients(const WeightSpaceBatch& batch, const float* by_rule, const float* by_backprop,
                             double* sums, Stream& stream);

/// Whether the kernels were built without fused multiplications and additions but those they ask for, so that they give
/// the bits of the emulation.
[[nodiscard]] bool kernels_are_exact();

}  // namespace fasweep
