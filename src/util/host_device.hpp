// Marks functions that both the host compiler and nvcc compile, so that every backend shares one formula.
#pragma once

#if defined(__CUDACC__)
#define FASWEEP_HOST_DEVICE __host__ __device__
#else
#define FASWEEP_HOST_DEVICE
#endif
