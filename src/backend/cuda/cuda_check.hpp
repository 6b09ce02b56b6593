// The one checking wrapper of every CUDA call. Included by what nvcc compiles only.
#pragma once

#include <string>

#include <cuda_runtime.h>

#include "util/error.hpp"

namespace fasweep {

/// Throws DeviceError unless the call succeeded. what: completes "cannot ...".
inline void cuda_check(cudaError_t code, const char* what) {
  if (code != cudaSuccess) {
    throw DeviceError(std::string("cannot ") + what + " (CUDA error " + std::to_string(static_cast<int>(code)) + ", " +
                      cudaGetErrorString(code) + "); look at nvidia-smi, or use --backend cpu");
  }
}

}  // namespace fasweep
