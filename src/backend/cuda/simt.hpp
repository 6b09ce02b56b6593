// The language kernels are written in: CUDA under nvcc, the emulation of the tests under a host compiler. Kernels may
// use thread and block indices, dynamic shared memory, __syncthreads, __syncwarp and what stands here; nothing else, so
// that both mean the same.
//
//   shuffle_xor(value, mask)    the value of the lane whose number differs in these bits;
//   pack_halves(x, y)           two numbers of 16 bits, rounded to nearest; pack_rest(x, y, packed): what that left
//   out; multiply_tile(c, a, b0, b1) C <- C + A B by the tensor cores: C 16 x 8 in float32, A 16 x 16 and B 16 x 8 in
//   16 bits,
//                               spread over the warp as mma.m16n8k16 wants it (PTX ISA, "Matrix fragments");
//   cluster_rank(), meet_cluster(), remote(pointer, rank)   the number of a block in its cluster, its barrier, and
//   where
//                               another of its blocks has what `pointer` points to in shared memory;
//   take_ticket(counter)        adds 1, returns what was there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fasweep::simt {

/// What is launched: grid.x blocks in clusters of `cluster`, which divides it, times grid.y.
struct Grid {
  unsigned x = 1;
  unsigned y = 1;
  unsigned cluster = 1;
};

}  // namespace fasweep::simt

#if defined(__CUDACC__)

#include <cuda_fp16.h>

#include "backend/cuda/cuda_check.hpp"

/// Before a loop whose turns index registers.
#define FASWEEP_UNROLL _Pragma("unroll")
#define FASWEEP_PRAGMA(text) _Pragma(#text)
#define FASWEEP_UNROLL_BY(count) FASWEEP_PRAGMA(unroll(count))

/// The block's dynamic shared memory as a `Type`.
#define FASWEEP_SHARED(Type, name)                                        \
  extern __shared__ __align__(16) unsigned char fasweep_dynamic_shared[]; \
  Type& name = *reinterpret_cast<Type*>(fasweep_dynamic_shared)

namespace fasweep::simt {

/// Asks for what a launch of this shape needs. Launches do it themselves.
template <class... Parameters>
void prepare(void (*kernel)(Parameters...), Grid grid, std::size_t shared_bytes) {
  constexpr std::size_t without_asking = 48 * 1024;
  constexpr unsigned portable_cluster = 8;
  if (shared_bytes > without_asking) {
    cuda_check(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "reserve shared memory");
  }
  if (grid.cluster > portable_cluster) {
    cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
               "allow clusters of more than eight blocks");
  }
}

/// calls use(config) for a launch of this shape.
template <class Use>
void with_config(Grid grid, unsigned threads, std::size_t shared_bytes, void* stream, Use use) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(grid.x, grid.y);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream);
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {grid.cluster, 1, 1};
  config.attrs = &cluster;
  config.numAttrs = grid.cluster > 1 ? 1 : 0;
  use(config);
}

/// Queues kernel<<<grid, threads, shared_bytes, stream>>>(given...).
template <class... Parameters, class... Given>
void launch(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes, void* stream,
            Given... given) {
  prepare(kernel, grid, shared_bytes);
  with_config(grid, threads, shared_bytes, stream, [&](const cudaLaunchConfig_t& config) {
    cuda_check(cudaLaunchKernelEx(&config, kernel, Parameters(given)...), "launch a kernel");
  });
}

/// Clusters of this shape that the device holds at once.
template <class... Parameters>
int clusters_at_once(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes) {
  prepare(kernel, grid, shared_bytes);
  int count = 0;
  with_config(grid, threads, shared_bytes, nullptr, [&](const cudaLaunchConfig_t& config) {
    if (grid.cluster > 1) {
      cuda_check(cudaOccupancyMaxActiveClusters(&count, kernel, &config), "count the clusters that fit");
      return;
    }
    int device = 0;
    int multiprocessors = 0;
    cuda_check(cudaGetDevice(&device), "name the device");
    cuda_check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device),
               "count the multiprocessors");
    cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel, static_cast<int>(threads), shared_bytes),
               "count the blocks that fit");
    count *= multiprocessors;
  });
  return count;
}

template <class T>
__device__ inline T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xFFFFFFFFU, value, mask);
}

__device__ inline unsigned pack_halves(float x, float y) {
  const __half2 pair = __floats2half2_rn(x, y);
  return *reinterpret_cast<const unsigned*>(&pair);
}
__device__ inline unsigned pack_rest(float x, float y, unsigned packed) {
  const float2 rounded = __half22float2(*reinterpret_cast<const __half2*>(&packed));
  return pack_halves(x - rounded.x, y - rounded.y);
}

__device__ inline void multiply_tile(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  __trap();  // no such product here; the host does not launch these kernels
#endif
}

// Devices without clusters have clusters of one block.
__device__ inline int cluster_rank() {
#if __CUDA_ARCH__ >= 900
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return static_cast<int>(rank);
#else
  return 0;
#endif
}
__device__ inline void meet_cluster() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;\n barrier.cluster.wait.acquire.aligned;" ::: "memory");
#else
  __syncthreads();
#endif
}
template <class T>
__device__ inline T* remote(T* mine, [[maybe_unused]] int rank) {
#if __CUDA_ARCH__ >= 900
  T* there;
  asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(mine), "r"(rank));
  return there;
#else
  return mine;
#endif
}

__device__ inline int take_ticket(int* counter) {
  return atomicAdd(counter, 1);
}

}  // namespace fasweep::simt

#else

#include "support/cuda_emulation.hpp"

#define FASWEEP_UNROLL
#define FASWEEP_UNROLL_BY(count)
#define FASWEEP_SHARED(Type, name) Type& name = *reinterpret_cast<Type*>(fasweep::emulation::own_shared())

namespace fasweep::simt {

/// Runs the kernel to its end.
template <class... Parameters, class... Given>
void launch(void (*kernel)(Parameters...), Grid grid, unsigned threads, std::size_t shared_bytes, void* /*stream*/,
            Given... given) {
  emulation::launch(kernel, {grid.x, grid.y, 1}, {threads, 1, 1}, grid.cluster, shared_bytes, given...);
}

/// Few, so that tests see what happens to those that wait.
template <class... Parameters>
int clusters_at_once(void (*)(Parameters...), Grid /*grid*/, unsigned /*threads*/, std::size_t /*shared_bytes*/) {
  return 2;
}

template <class T>
inline T shuffle_xor(T value, int mask) {
  return static_cast<T>(emulation::exchange(static_cast<double>(value), static_cast<unsigned>(mask), 0));
}

inline unsigned pack_halves(float x, float y) {
  return emulation::to_half(x) | static_cast<unsigned>(emulation::to_half(y)) << 16U;
}
inline unsigned pack_rest(float x, float y, unsigned packed) {
  return pack_halves(x - emulation::from_half(static_cast<std::uint16_t>(packed & 0xFFFFU)),
                     y - emulation::from_half(static_cast<std::uint16_t>(packed >> 16U)));
}
inline void multiply_tile(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  emulation::multiply(c, a, b0, b1, 0);
}

inline int cluster_rank() {
  return static_cast<int>(emulation::cluster_rank());
}
inline void meet_cluster() {
  emulation::barrier(emulation::machine().cluster, 0);
}
template <class T>
inline T* remote(T* mine, int rank) {
  return emulation::remote(mine, static_cast<unsigned>(rank));
}

inline int take_ticket(int* counter) {
  return (*counter)++;
}

}  // namespace fasweep::simt

#endif
