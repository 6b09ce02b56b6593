// The CUDA trainer, and its self-test, of a program built without CUDA.
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/selftest.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

[[noreturn]] void refuse() {
  throw DeviceError(
      "no CUDA trainer (this program was built without CUDA); build with nvcc and the cuda preset, or use "
      "--backend cpu");
}

}  // namespace

bool has_cuda() {
  return false;
}

int count_cuda_devices() {
  return 0;
}

std::string why_no_products() {
  return {};
}

CudaDeviceName name_cuda_device(int /*device*/) {
  refuse();
}

DeviceLimits describe_limits(int /*device*/) {
  refuse();
}

std::unique_ptr<Trainer> make_cuda_trainer(int /*device*/, std::unique_ptr<Trainer> /*others*/,
                                           GpuArithmetic /*arithmetic*/) {
  refuse();
}

void run_selftest(int /*device*/, Trainer& /*reference*/, const SelfTestReport& /*report*/) {
  refuse();
}

}  // namespace fasweep
