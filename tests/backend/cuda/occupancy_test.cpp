// The arithmetic of resident_blocks() against CUDA's own, for every profile. Built where the CUDA toolkit is.
#include <cuda_occupancy.h>

#include <gtest/gtest.h>

#include "backend/cuda/device_profile.hpp"

namespace fasweep {
namespace {

int by_cuda(const DeviceProfile& device, int registers, int shared_bytes) {
  cudaOccDeviceProp properties;
  properties.computeMajor = device.compute_capability / 10;
  properties.computeMinor = device.compute_capability % 10;
  properties.maxThreadsPerBlock = 1024;
  properties.maxThreadsPerMultiprocessor = device.most_threads;
  properties.regsPerBlock = 65536;
  properties.regsPerMultiprocessor = 65536;
  properties.warpSize = 32;
  properties.sharedMemPerBlock = 48 << 10;
  properties.sharedMemPerMultiprocessor = static_cast<std::size_t>(device.shared_bytes);
  properties.numSms = device.multiprocessors;
  properties.sharedMemPerBlockOptin = static_cast<std::size_t>(device.shared_bytes_a_block);
  properties.reservedSharedMemPerBlock = device.compute_capability >= 80 ? 1024 : 0;
  cudaOccFuncAttributes kernel;
  kernel.maxThreadsPerBlock = 1024;
  kernel.numRegs = registers;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.maxDynamicSharedSizeBytes = static_cast<std::size_t>(shared_bytes);
  const cudaOccDeviceState state;
  cudaOccResult result;
  const cudaOccError error = cudaOccMaxActiveBlocksPerMultiprocessor(
      &result, &properties, &kernel, &state, threads_a_block, static_cast<std::size_t>(shared_bytes));
  return error == CUDA_OCC_SUCCESS ? result.activeBlocksPerMultiprocessor : -1;
}

TEST(Occupancy, IsThatOfCuda) {
  for (const DeviceProfile& device : device_profiles) {
    for (const int registers : {32, 64, 72, 80, 96, 111, 128, 255}) {
      for (const int samples : {1, 10, 50, 97, 160, 200, max_rows}) {
        const int shared = kernels::shared_bytes(samples);
        EXPECT_EQ(resident_blocks(device, registers, shared), by_cuda(device, registers, shared))
            << device.name << ", " << registers << " registers, n = " << samples;
      }
    }
  }
}

TEST(Occupancy, TheCompilersRegistersLeaveRoomForTheBlocksAsked) {
  for (const DeviceProfile& device : device_profiles) {
    EXPECT_EQ(by_cuda(device, train_step_registers, 1024), blocks_a_multiprocessor) << device.name;
  }
}

}  // namespace
}  // namespace fasweep
