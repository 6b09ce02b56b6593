// device.hpp on CUDA: the runtime calls behind the handles, and the kernels.
#include <array>
#include <cstdio>

#include "backend/cuda/cuda_check.hpp"
#include "backend/cuda/queue_kernels.hpp"

namespace fasweep {
namespace {

cudaStream_t stream_of(const Stream& stream) {
  return static_cast<cudaStream_t>(stream.handle());
}

std::string format_uuid(const cudaUUID_t& uuid) {
  std::string text = "GPU";
  for (int i = 0; i < 16; ++i) {
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) {
      text += '-';
    }
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x",
                  static_cast<unsigned>(static_cast<unsigned char>(uuid.bytes[i])));
    text += digits.data();
  }
  return text;
}

}  // namespace

int count_devices() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver) {
    return 0;
  }
  cuda_check(code, "count the devices");
  return count;
}

DeviceInfo describe_device(int device) {
  cudaDeviceProp properties{};
  cuda_check(cudaGetDeviceProperties(&properties, device), "describe the device");
  std::array<char, 32> pci_id{};
  cuda_check(cudaDeviceGetPCIBusId(pci_id.data(), static_cast<int>(pci_id.size()), device), "read the device's PCI id");
  return {properties.name,
          pci_id.data(),
          format_uuid(properties.uuid),
          10 * properties.major + properties.minor,
          properties.multiProcessorCount,
          static_cast<int>(properties.sharedMemPerBlockOptin)};
}

bool kernels_are_exact() {
  return FASWEEP_CUDA_EXACT != 0;
}

void select_device(int device) {
  cuda_check(cudaSetDevice(device), "select the device");
}

std::size_t free_device_memory() {
  std::size_t free = 0;
  std::size_t total = 0;
  cuda_check(cudaMemGetInfo(&free, &total), "ask for free device memory");
  return free;
}

Stream::Stream() {
  cudaStream_t stream = nullptr;
  cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "make a stream");
  handle_ = stream;
}
Stream::~Stream() {
  cudaStreamDestroy(stream_of(*this));
}
void Stream::synchronize() {
  cuda_check(cudaStreamSynchronize(stream_of(*this)), "finish the queued work");
}

Event::Event() {
  cudaEvent_t event = nullptr;
  cuda_check(cudaEventCreate(&event), "make an event");
  handle_ = event;
}
Event::~Event() {
  cudaEventDestroy(static_cast<cudaEvent_t>(handle_));
}
void Event::record(Stream& stream) {
  cuda_check(cudaEventRecord(static_cast<cudaEvent_t>(handle_), stream_of(stream)), "record an event");
}
void Event::wait() const {
  cuda_check(cudaEventSynchronize(static_cast<cudaEvent_t>(handle_)), "wait for an event");
}
void Event::hold(Stream& stream) const {
  cuda_check(cudaStreamWaitEvent(stream_of(stream), static_cast<cudaEvent_t>(handle_), 0), "order two streams");
}
double Event::seconds_since(const Event& start) const {
  float milliseconds = 0;
  cuda_check(cudaEventSynchronize(static_cast<cudaEvent_t>(handle_)), "wait for an event");
  cuda_check(
      cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(start.handle_), static_cast<cudaEvent_t>(handle_)),
      "read an event's time");
  return static_cast<double>(milliseconds) / 1000;
}

Graph::Graph(Stream& stream, const std::function<void()>& queue) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  cuda_check(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal), "begin a graph");
  queue();
  cuda_check(cudaStreamEndCapture(stream_of(stream), &graph), "end a graph");
  const cudaError_t code = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  cuda_check(code, "instantiate a graph");
  handle_ = executable;
}
Graph::~Graph() {
  cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle_));
}
void Graph::launch(Stream& stream) const {
  cuda_check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_), stream_of(stream)), "launch a graph");
}

namespace device_memory {

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t code = cudaMalloc(&memory, bytes);
  if (code == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // this error leaves the device usable; forget it
    throw DeviceMemoryError("cannot allocate " + std::to_string(bytes) +
                            " bytes on the device (it is full); free it, or use --backend cpu");
  }
  cuda_check(code, "allocate device memory");
  return memory;
}
void release(void* memory) {
  cudaFree(memory);
}
void upload(void* to, const void* from, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream)), "copy to the device");
  stream.synchronize();
}
void download(void* to, const void* from, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copy from the device");
  stream.synchronize();
}
void copy(void* to, const void* from, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(stream)), "copy on the device");
}
void clear(void* memory, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemsetAsync(memory, 0, bytes, stream_of(stream)), "clear device memory");
}

void* allocate_host(std::size_t bytes) {
  void* memory = nullptr;
  cuda_check(cudaMallocHost(&memory, bytes), "allocate page-locked memory");
  return memory;
}
void release_host(void* memory) {
  cudaFreeHost(memory);
}
void queue_upload(void* to, const void* from, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream)), "copy to the device");
}
void queue_download(void* to, const void* from, std::size_t bytes, Stream& stream) {
  cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copy from the device");
}

}  // namespace device_memory
}  // namespace fasweep
