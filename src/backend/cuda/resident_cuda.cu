// The resident kernel on CUDA. Compiled apart, with the compiler free to fuse and to divide approximately: its sums are
// the tensor cores', whose bits are not the emulation's anyway.
#include "backend/cuda/queue_resident.hpp"
