// device.hpp on the CPU: kernels run in emulation when queued, products as plain loops, graphs replay the launches they
// caught with the arguments of then. Copies run at once, but those from page-locked memory as late as they may, when
// their stream is waited for, and the numbers they bring are NaN until then. Memory starts as NaN bytes and is guarded
// at its end.
#include "support/device_emulated.hpp"

#include <atomic>
#include <chrono>
#include <cmath>
#include <utility>

#include <Eigen/Core>

#include "backend/cuda/queue_kernels.hpp"

namespace fasweep {
namespace {

std::atomic<std::size_t> allocated = 0;
std::atomic<std::int64_t> launched = 0;
std::atomic<std::int64_t> halves_multiplied = 0;
thread_local int selected = 0;

using Clock = std::chrono::steady_clock;
using Launches = std::vector<std::function<void()>>;
using Pending = std::vector<std::function<void()>>;  // downloads of a stream that nobody waited for yet

void finish_copies(Stream& stream) {
  for (const std::function<void()>& copy : std::exchange(*static_cast<Pending*>(stream.handle()), {})) {
    copy();
  }
}

/// Counts launches; fails when the device is lost.
void note_launch() {
  const std::int64_t limit = emulation::device_settings().launches_until_lost;
  if (limit >= 0 && launched >= limit) {
    throw DeviceError("cannot launch a kernel (the emulated device is lost); use --backend cpu");
  }
  ++launched;
}
const bool noted = (emulation::launch_hook() = note_launch, true);

/// A buffer's size stands before it.
constexpr std::size_t head_bytes = 16;

}  // namespace

namespace emulation {

std::uint16_t to_half(float value) {
  return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value));
}
float from_half(std::uint16_t half) {
  return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(half));
}

DeviceSettings& device_settings() {
  static DeviceSettings settings;
  return settings;
}
std::size_t allocated_bytes() {
  return allocated;
}
std::int64_t launches() {
  return launched;
}
std::int64_t half_products() {
  return halves_multiplied;
}
int selected_device() {
  return selected;
}

}  // namespace emulation

int count_devices() {
  return emulation::device_settings().devices;
}

DeviceInfo describe_device(int device) {
  if (device >= count_devices()) {
    throw DeviceError("cannot describe the device (there is no device " + std::to_string(device) +
                      "); use --backend cpu");
  }
  const std::string number = std::to_string(device);
  return {"emulated device",
          "0000:0" + number + ":00.0",
          "GPU-emulated-" + number,
          emulation::device_settings().compute_capability,
          4,
          emulation::device_settings().shared_bytes_a_block};
}

bool kernels_are_exact() {
  return true;
}

void select_device(int device) {
  selected = device;
}

std::size_t free_device_memory() {
  return emulation::device_settings().memory_bytes - allocated;
}

Stream::Stream() : handle_(new Pending) {}
Stream::~Stream() {
  delete static_cast<Pending*>(handle_);
}
void Stream::synchronize() {
  finish_copies(*this);
}

Event::Event() : handle_(new Clock::time_point) {}
Event::~Event() {
  delete static_cast<Clock::time_point*>(handle_);
}
void Event::record(Stream& /*stream*/) {
  *static_cast<Clock::time_point*>(handle_) = Clock::now();
}
void Event::wait() const {}
void Event::hold(Stream& /*stream*/) const {}
double Event::seconds_since(const Event& start) const {
  return std::chrono::duration<double>(*static_cast<Clock::time_point*>(handle_) -
                                       *static_cast<Clock::time_point*>(start.handle_))
      .count();
}

Graph::Graph(Stream& /*stream*/, const std::function<void()>& queue) : handle_(new Launches) {
  emulation::caught_launches() = static_cast<Launches*>(handle_);
  queue();
  emulation::caught_launches() = nullptr;
}
Graph::~Graph() {
  delete static_cast<Launches*>(handle_);
}
void Graph::launch(Stream& /*stream*/) const {
  for (const std::function<void()>& one : *static_cast<Launches*>(handle_)) {
    one();
  }
}

std::string why_no_products() {
  return emulation::device_settings().has_products ? "" : "the emulated device has none";
}
Products::Products(Stream& /*stream*/) {}
Products::~Products() = default;

namespace {

float number_at(const float* numbers, std::int64_t i) {
  return numbers[i];
}
float number_at(const HalfPair* pairs, std::int64_t i) {
  return emulation::from_half(static_cast<std::uint16_t>(pairs[i / 2] >> (i % 2 == 0 ? 0U : 16U)));
}

/// op(matrix), rows x columns, column after column.
template <class Factors>
std::vector<float> unfold(ProductOp op, const Factors* matrix, std::int64_t first, int ld, int rows, int columns) {
  std::vector<float> unfolded;
  for (std::int64_t column = 0; column < columns; ++column) {
    for (std::int64_t row = 0; row < rows; ++row) {
      unfolded.push_back(number_at(matrix, first + (op == ProductOp::plain ? column * ld + row : row * ld + column)));
    }
  }
  return unfolded;
}

/// Every entry is a sum in the order of the depth, each product rounded once with the sum, whatever lies beside it.
template <class Factors>
void multiply(const ProductOf<Factors>& p, int i) {
  const std::vector<float> a = unfold(p.op_a, p.a, i * p.stride_a, p.ld_a, p.rows, p.depth);
  const std::vector<float> b = unfold(p.op_b, p.b, i * p.stride_b, p.ld_b, p.depth, p.columns);
  std::vector<float> sums(static_cast<std::size_t>(p.rows));
  for (int column = 0; column < p.columns; ++column) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (int k = 0; k < p.depth; ++k) {
      const float factor = b[static_cast<std::size_t>(column) * p.depth + k];
      const float* from = &a[static_cast<std::size_t>(k) * p.rows];
      for (int row = 0; row < p.rows; ++row) {
        sums[row] = std::fma(from[row], factor, sums[row]);
      }
    }
    float* c = p.c + i * p.stride_c + std::int64_t{column} * p.ld_c;
    for (int row = 0; row < p.rows; ++row) {
      c[row] = p.beta == 0 ? sums[row] : sums[row] + p.beta * c[row];
    }
  }
}

}  // namespace

void Products::queue(const Product& p) {
  note_launch();
  for (int i = 0; i < p.count; ++i) {
    multiply(p, i);
  }
}

void Products::queue(const HalfProduct& p) {
  note_launch();
  ++halves_multiplied;
  for (int i = 0; i < p.count; ++i) {
    multiply(p, i);
  }
}

namespace device_memory {

void* allocate(std::size_t bytes) {
  if (bytes > free_device_memory()) {
    throw DeviceMemoryError("cannot allocate " + std::to_string(bytes) + " bytes on the device (it is full)");
  }
  auto* block = static_cast<unsigned char*>(std::malloc(head_bytes + bytes + emulation::guard_bytes));
  std::memcpy(block, &bytes, sizeof bytes);
  std::memset(block + head_bytes, emulation::unset_byte, bytes + emulation::guard_bytes);
  allocated += bytes;
  return block + head_bytes;
}
void release(void* memory) {
  if (memory == nullptr) {
    return;
  }
  auto* block = static_cast<unsigned char*>(memory) - head_bytes;
  std::size_t bytes = 0;
  std::memcpy(&bytes, block, sizeof bytes);
  for (std::size_t i = 0; i < emulation::guard_bytes; ++i) {
    if (block[head_bytes + bytes + i] != emulation::unset_byte) {
      emulation::fail("a write beyond a device buffer");
    }
  }
  allocated -= bytes;
  std::free(block);
}
void upload(void* to, const void* from, std::size_t bytes, Stream& /*stream*/) {
  std::memcpy(to, from, bytes);
}
void download(void* to, const void* from, std::size_t bytes, Stream& /*stream*/) {
  std::memcpy(to, from, bytes);
}
void copy(void* to, const void* from, std::size_t bytes, Stream& /*stream*/) {
  std::memcpy(to, from, bytes);
}
void clear(void* memory, std::size_t bytes, Stream& /*stream*/) {
  std::memset(memory, 0, bytes);
}

void* allocate_host(std::size_t bytes) {
  return std::memset(std::malloc(bytes), emulation::unset_byte, bytes);
}
void release_host(void* memory) {
  std::free(memory);
}
void queue_upload(void* to, const void* from, std::size_t bytes, Stream& /*stream*/) {
  std::memcpy(to, from, bytes);
}
void queue_download(void* to, const void* from, std::size_t bytes, Stream& stream) {
  std::memset(to, emulation::unset_byte, bytes);
  static_cast<Pending*>(stream.handle())->push_back([=] { std::memcpy(to, from, bytes); });
}

}  // namespace device_memory
}  // namespace fasweep
