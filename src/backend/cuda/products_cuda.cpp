// Products of device.hpp by cuBLAS, which is loaded when the first are asked for: a program linked with it would not
// start on a machine without CUDA's libraries. float32 sums of float32 factors, or of exact 16-bit ones by tensor
// cores; TF32 only where the build asked for it (FASWEEP_CUDA_TF32).
#include <dlfcn.h>

#include <array>
#include <string>

#include <cublas_v2.h>

#include "backend/cuda/device.hpp"

namespace fasweep {
namespace {

/// cublasGemmStridedBatchedEx, which the header overloads.
using MultiplyHalves = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int rows, int columns,
                                          int depth, const void* alpha, const void* a, cudaDataType, int ld_a,
                                          long long stride_a, const void* b, cudaDataType, int ld_b, long long stride_b,
                                          const void* beta, void* c, cudaDataType, int ld_c, long long stride_c,
                                          int count, cublasComputeType_t, cublasGemmAlgo_t);

/// The functions used here, or why they are not there.
struct Cublas {
  decltype(&cublasCreate_v2) create = nullptr;
  decltype(&cublasDestroy_v2) destroy = nullptr;
  decltype(&cublasSetStream_v2) set_stream = nullptr;
  decltype(&cublasSetMathMode) set_math_mode = nullptr;
  decltype(&cublasSgemmStridedBatched) multiply = nullptr;
  MultiplyHalves multiply_halves = nullptr;
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
    find(library, "cublasGemmStridedBatchedEx", multiply_halves);
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

cublasOperation_t operation(ProductOp op) {
  return op == ProductOp::plain ? CUBLAS_OP_N : CUBLAS_OP_T;
}

void choose_arithmetic(void* handle, cublasMath_t mode) {
  check(cublas().set_math_mode(handle_of(handle), mode), "choose cuBLAS's arithmetic");
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
}

Products::~Products() {
  cublas().destroy(handle_of(handle_));
}

void Products::queue(const Product& p) {
  constexpr float one = 1;
  choose_arithmetic(handle_, FASWEEP_CUDA_TF32 != 0 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH);
  check(cublas().multiply(handle_of(handle_), operation(p.op_a), operation(p.op_b), p.rows, p.columns, p.depth, &one,
                          p.a, p.ld_a, p.stride_a, p.b, p.ld_b, p.stride_b, &p.beta, p.c, p.ld_c, p.stride_c, p.count),
        "multiply");
}

void Products::queue(const HalfProduct& p) {
  constexpr float one = 1;
  choose_arithmetic(handle_, CUBLAS_DEFAULT_MATH);  // pedantic products may not use tensor cores
  check(
      cublas().multiply_halves(handle_of(handle_), operation(p.op_a), operation(p.op_b), p.rows, p.columns, p.depth,
                               &one, p.a, CUDA_R_16F, p.ld_a, p.stride_a, p.b, CUDA_R_16F, p.ld_b, p.stride_b, &p.beta,
                               p.c, CUDA_R_32F, p.ld_c, p.stride_c, p.count, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
      "multiply");
}

}  // namespace fasweep
