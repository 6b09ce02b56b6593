// Products of device.hpp by cuBLAS, which is loaded when the first are asked for: a program linked with it would not
// start on a machine without CUDA's libraries. float32 throughout, TF32 only where the build asked for it
// (FASWEEP_CUDA_TF32).
#include <dlfcn.h>

#include <array>
#include <string>

#include <cublas_v2.h>

#include "backend/cuda/device.hpp"

namespace fasweep {
namespace {

/// The functions used here, or why they are not there.
struct Cublas {
  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSetMathMode) set_math_mode = nullptr;
  decltype(&cublasSgemmStridedBatched) multiply = nullptr;
  std::string missing;

  Cublas() {
    // Where the loader looks, else where it was when this program was built.
    const std::string name = "libcublas.so." + std::to_string(CUBLAS_VER_MAJOR);
    void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      missing = std::string("cuBLAS cannot be loaded (") + dlerror() + ")";
      library = dlopen((FASWEEP_CUDA_LIBRARIES "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    }
    if (library == nullptr) {
      return;
    }
    missing.clear();
    find(library, "cublasCreate_v2", create);
    find(library, "cublasDestroy_v2", destroy);
    find(library, "cublasSetStream_v2", set_stream);
    find(library, "cublasSetMathMode", set_math_mode);
    find(library, "cublasSgemmStridedBatched", multiply);
  }

  template <class Function>
  void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (function == nullptr) {
      missing = std::string("libcublas has no function ") + name;
    }
  }
};

const Cublas& cublas() {
  static const Cublas library;  // once for the process: handles are made per stream
  return library;
}

void check(cublasStatus_t status, const char* what) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) {
    throw DeviceMemoryError(std::string("cannot ") + what + " (cuBLAS found no memory); free it, or use --backend cpu");
  }
  if (status != CUBLAS_STATUS_SUCCESS) {
    throw DeviceError(std::string("cannot ") + what + " (cuBLAS status " + std::to_string(static_cast<int>(status)) +
                      "); look at nvidia-smi, or use --backend cpu");
  }
}

cublasHandle_t handle_of(void* handle) {
  return static_cast<cublasHandle_t>(handle);
}

cublasOperation_t operation(Product::Op op) {
  return op == Product::Op::plain ? CUBLAS_OP_N : CUBLAS_OP_T;
}

}  // namespace

std::string why_no_products() {
  return cublas().missing;
}

Products::Products(Stream& stream) {
  if (!cublas().missing.empty()) {
    throw DeviceError("cannot multiply on the device (" + cublas().missing + "); install CUDA's libraries");
  }
  cublasHandle_t handle = nullptr;
  check(cublas().create(&handle), "start cuBLAS");
  handle_ = handle;
  check(cublas().set_stream(handle, static_cast<cudaStream_t>(stream.handle())), "give cuBLAS a stream");
  check(cublas().set_math_mode(handle, FASWEEP_CUDA_TF32 != 0 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH),
        "choose cuBLAS's arithmetic");
}

Products::~Products() {
  cublas().destroy(handle_of(handle_));
}

void Products::queue(const Product& p) {
  constexpr float one = 1;
  check(cublas().multiply(handle_of(handle_), operation(p.op_a), operation(p.op_b), p.rows, p.columns, p.depth, &one,
                          p.a, p.ld_a, p.stride_a, p.b, p.ld_b, p.stride_b, &p.beta, p.c, p.ld_c, p.stride_c, p.count),
        "multiply");
}

}  // namespace fasweep
