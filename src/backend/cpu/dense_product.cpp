#include "backend/cpu/dense_product.hpp"

#include <cassert>

namespace fasweep {
namespace {

template <class Scalar, int block_rows>
void add_blocks(int blocks, int samples, const Scalar* gram, const Scalar* signal, Scalar* z) {
  using P = Pack<Scalar>;
  constexpr int lanes = P::lanes;
  constexpr int tile_units = tile_vectors * lanes;
  for (int block = 0; block < blocks; ++block, z += block_rows * tile_units) {
    P sums[block_rows][tile_vectors];
#pragma GCC unroll 12
    for (int row = 0; row < block_rows; ++row) {
#pragma GCC unroll 2
      for (int vector = 0; vector < tile_vectors; ++vector) {
        sums[row][vector] = P::load(z + row * tile_units + vector * lanes);
      }
    }
    for (int i = 0; i < samples; ++i, gram += block_rows) {
      const P factor[tile_vectors] = {P::load(signal + i * tile_units), P::load(signal + i * tile_units + lanes)};
#pragma GCC unroll 12
      for (int row = 0; row < block_rows; ++row) {
        const P k = P::broadcast(gram[row]);
#pragma GCC unroll 2
        for (int vector = 0; vector < tile_vectors; ++vector) {
          sums[row][vector] = multiply_add(k, factor[vector], sums[row][vector]);
        }
      }
    }
#pragma GCC unroll 12
    for (int row = 0; row < block_rows; ++row) {
#pragma GCC unroll 2
      for (int vector = 0; vector < tile_vectors; ++vector) {
        sums[row][vector].store(z + row * tile_units + vector * lanes);
      }
    }
  }
}

/// Finds the function whose loops over a block's rows are unrolled.
template <class Scalar, int candidate>
void choose(int block_rows, int blocks, int samples, const Scalar* gram, const Scalar* signal, Scalar* z) {
  if constexpr (candidate > 1) {
    if (block_rows < candidate) {
      return choose<Scalar, candidate - 1>(block_rows, blocks, samples, gram, signal, z);
    }
  }
  add_blocks<Scalar, candidate>(blocks, samples, gram, signal, z);
}

}  // namespace

template <class Scalar>
void add_product(int block_rows, int blocks, int samples, const Scalar* gram, const Scalar* signal, Scalar* z) {
  assert(block_rows >= 1 && block_rows <= most_block_rows<Scalar>);
  choose<Scalar, most_block_rows<Scalar>>(block_rows, blocks, samples, gram, signal, z);
}

template void add_product(int, int, int, const float*, const float*, float*);
template void add_product(int, int, int, const double*, const double*, double*);

}  // namespace fasweep
