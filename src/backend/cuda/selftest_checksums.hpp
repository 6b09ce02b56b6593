// What the kernels leave behind in emulation, as checksums: the bits a device must give too, unless it was built to
// fuse multiplications and additions. A change of the kernels' arithmetic changes them; a new activation or rule adds
// rows and changes none. build/release/tests/backend/cuda/print_checksums prints the table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace fasweep {

struct KernelChecksum {
  std::string_view activation;
  int shape = 0;                 // position in the shapes of selftest.cpp
  std::uint64_t train_step = 0;  // of the states, and of the errors seen before each step
  std::uint64_t observe = 0;     // of the observations
  std::string_view rule{};       // that trained; empty: the first two, together
};

inline constexpr std::array<KernelChecksum, 35> kernel_checksums{{
    {"linear", 0, 0xa759ff950744b0d8U, 0xa47053fba6e4d1b3U},
    {"linear", 1, 0x0eb56aa0bff7ef66U, 0xa2832cac3a56bc9cU},
    {"linear", 2, 0xf0bc60e41da1036dU, 0xb59b99b7e872b984U},
    {"linear", 3, 0xdb95d8803181cb05U, 0x3bfa5f935c2d530eU},
    {"linear", 4, 0x59e17a2e9d1429d6U, 0xac1ccf6430d0a5a1U},
    {"relu", 0, 0x01e7337cc736b8adU, 0x96654e19e5967a1dU},
    {"relu", 1, 0xe29129fff1b50b27U, 0xe7a39af25e5e5b3eU},
    {"relu", 2, 0xfbbf555e1cb0119fU, 0xc85ae59d4d048ce8U},
    {"relu", 3, 0xaafe0491b8d329d5U, 0x0cdfcc34700559f6U},
    {"relu", 4, 0x7aa8e53dd71477b7U, 0xb5fbc922df899babU},
    {"tanh", 0, 0x5c13d172f5a3a211U, 0x620f2390a3e5a09fU},
    {"tanh", 1, 0x024cb434db310de5U, 0x5d690ffe6c94a44dU},
    {"tanh", 2, 0x211848447dd0fc34U, 0x78aa855d0a75b73fU},
    {"tanh", 3, 0x96acdadb1ca77fa3U, 0x3250f0240ad4281fU},
    {"tanh", 4, 0x404d73bd2da0ae7bU, 0xb8113080d1d4f9d4U},
    {"sigmoid", 0, 0xdea36c2c1e146ad9U, 0x1e2ad9f376524494U},
    {"sigmoid", 1, 0x27e1936b2f6a6371U, 0x8cf40d0e64101635U},
    {"sigmoid", 2, 0xae98be6c220a52d7U, 0x69c1175714d81125U},
    {"sigmoid", 3, 0x41a8b4884f22e7b5U, 0x8146bec7ea00a35fU},
    {"sigmoid", 4, 0xd37735dc5421e1b0U, 0xc1b00f7c1e2621fcU},
    {"softplus", 0, 0x5b5c8396c9960f32U, 0x018a13de083e1e72U},
    {"softplus", 1, 0x5be567ddf20a0f07U, 0x1b6eed85065668dfU},
    {"softplus", 2, 0xf1f94f0960f13c88U, 0x995991c25da00b91U},
    {"softplus", 3, 0x3a6e3e2addaa3877U, 0xe4bd15c27a51fabeU},
    {"softplus", 4, 0xcbf612a4af8a833cU, 0xdf909ca15ab4732aU},
    {"gelu", 0, 0xa96c0da13b6a7b52U, 0x672e26e05aeda867U},
    {"gelu", 1, 0xb9f35da12985379bU, 0x099f22502e419648U},
    {"gelu", 2, 0xa128f03507ad58e1U, 0x56644a2b0c416475U},
    {"gelu", 3, 0x119b6883ea965372U, 0x8dd75e40063d92bcU},
    {"gelu", 4, 0x1a47bb7d678d0673U, 0xaecfda5815a45733U},
    {"erf", 0, 0x645bc4883affa0a4U, 0xdaa2079134b1268eU},
    {"erf", 1, 0xd06817d1ea8aceffU, 0xd4f28578fba56556U},
    {"erf", 2, 0x3aca9bf98f02866eU, 0x026363e4c1b7bb3bU},
    {"erf", 3, 0x25f31423d4a26031U, 0xbe846fce8bf9a915U},
    {"erf", 4, 0x0cb64aa190a9a808U, 0xf44e0b4191f18a59U},
}};

}  // namespace fasweep
