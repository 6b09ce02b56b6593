// The language kernels are written in: CUDA under nvcc, the emulation of the tests under a host compiler. Kernels may
// use thread and block indices, dynamic shared memory and __syncthreads; nothing else, so that both mean the same.
#pragma once

#if defined(__CUDACC__)

#include "backend/cuda/cuda_check.hpp"

/// The block's dynamic shared memory as a `Type`.
#define FASWEEP_SHARED(Type, name)                                        \
  extern __shared__ __align__(16) unsigned char fasweep_dynamic_shared[]; \
  Type& name = *reinterpret_cast<Type*>(fasweep_dynamic_shared)

namespace fasweep::simt {

struct Grid {
  unsigned x = 1;
  unsigned y = 1;
};

/// Queues kernel<<<grid, threads, shared_bytes, stream>>>(given...).
template <class... Parameters, class... Given>
void launch(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes, void* stream,
            Given... given) {
  constexpr std::size_t without_asking = 48 * 1024;
  if (shared_bytes > without_asking) {
    cuda_check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "reserve shared memory");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream);
  cuda_check(cudaLaunchKernelEx(&config, kernel, Parameters(given)...), "launch a kernel");
}

}  // namespace fasweep::simt

#else

#include "support/cuda_emulation.hpp"

#define FASWEEP_SHARED(Type, name) Type& name = *reinterpret_cast<Type*>(fasweep::emulation::machine().shared)

namespace fasweep::simt {

struct Grid {
  unsigned x = 1;
  unsigned y = 1;
};

/// Runs the kernel to its end.
template <class... Parameters, class... Given>
void launch(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes, void* /*stream*/,
            Given... given) {
  emulation::launch(kernel, {grid.x, grid.y, 1}, {threads, 1, 1}, shared_bytes, given...);
}

}  // namespace fasweep::simt

#endif
