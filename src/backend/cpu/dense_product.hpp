// The n^2 part of a step in sample space, Z += K S for one tile of hidden units, at nearly the machine's multiply-add
// rate. It is apart from the networks so that it is compiled once, not for every activation and rule.
#pragma once

#include "backend/cpu/pack.hpp"

namespace fasweep {

/// Vectors of units in a tile.
inline constexpr int tile_vectors = 2;

/// Rows of Z that are updated together, at most: their sums and the factors these need fill the registers, of which
/// there are 32 with AVX-512, else 16.
template <class Scalar>
inline constexpr int most_block_rows = sizeof(Scalar) * Pack<Scalar>::lanes >= 64 ? 12 : 6;

/// z += K signal. z: rows x units of the tile, rows = blocks * block_rows; signal: samples x units; gram: K in the
/// order [block][sample][row of the block]; 1 <= block_rows <= most_block_rows.
template <class Scalar>
void add_product(int block_rows, int blocks, int samples, const Scalar* gram, const Scalar* signal, Scalar* z);

extern template void add_product(int, int, int, const float*, const float*, float*);
extern template void add_product(int, int, int, const double*, const double*, double*);

}  // namespace fasweep
