// What the resident kernel starts from, made on the host and laid out as the kernel reads it (resident_arguments.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "backend/cuda/resident_arguments.hpp"
#include "model/problem.hpp"

namespace fasweep {

/// Where the tiles of Z, column_tiles wide, have a hidden unit's number of a row.
struct TilePlace {
  std::size_t quad = 0;
  int value = 0;
};
[[nodiscard]] TilePlace place_in_tiles(int unit, int row, int column_tiles);

struct ResidentStart {
  /// depth_tiles and column_tiles as in ResidentBatch.
  ResidentStart(const Problem& problem, int depth_tiles, int column_tiles);

  std::vector<Quad> gram;            // depth_tiles x column_tiles x lane
  std::vector<SplitQuad> inverse;    // as above
  std::array<float, 2> scales{};     // of gram and inverse
  std::vector<Quad> z;               // unit_tiles x column_tiles x lane
  std::vector<float> output_weight;  // unit_tiles x 16
  std::vector<float> feedback;       // as above
  std::vector<float> targets;        // rows
};

/// Largest over smallest eigenvalue of K that is not zero but for rounding: ||W(t) - W(0)|| from Z(t) - Z(0) has the
/// relative error of Z(t) - Z(0) times at most the root of this.
[[nodiscard]] double gram_condition(const Problem& problem);

}  // namespace fasweep
