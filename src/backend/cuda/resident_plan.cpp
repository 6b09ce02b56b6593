#include "backend/cuda/resident_plan.hpp"

#include <algorithm>
#include <cmath>

namespace fasweep {
namespace {

constexpr int first_with_products = 80;
constexpr int first_with_clusters = 90;

/// Tiles a block of a run whose Z does not fit on chip.
constexpr int tiles_off_chip = 64;

/// Shared memory of a multiprocessor that every block of it costs beyond its own, and that none may have.
constexpr int reserved_bytes = 1024;

int shared_bytes(const ResidentBatch& batch) {
  return kernels::resident_layout(batch).bytes;
}

/// As few warps as take the block's tiles in as many rounds as the most would, leaving room for the other blocks of the
/// multiprocessor.
void choose_warps(ResidentBatch& batch, int shared_bytes_a_block) {
  const int most = max_resident_warps;
  batch.warps = 1;
  const int blocks_at_once =
      std::clamp((shared_bytes_a_block + reserved_bytes) / (shared_bytes(batch) + reserved_bytes), 1, 3);
  const int rounds = divide_up(batch.tiles_a_block, std::max(1, most / blocks_at_once));
  batch.warps = divide_up(batch.tiles_a_block, rounds);
}

void cut(ResidentBatch& batch, int blocks) {
  batch.tiles_a_block = divide_up(batch.unit_tiles, blocks);
  batch.blocks = divide_up(batch.unit_tiles, batch.tiles_a_block);
}

bool fits(ResidentBatch batch, int shared_bytes_a_block) {
  batch.warps = max_resident_warps;
  return shared_bytes(batch) <= shared_bytes_a_block;
}

/// The batch with what fits on chip, in as few blocks as may be; nothing if that is too little for its kernel.
std::optional<ResidentBatch> place(ResidentBatch batch, int most_blocks, int shared_bytes_a_block) {
  struct Place {
    int gram, factor, z;
  };
  // First goes what is read once a step, then what once a tile, last what is the most.
  for (const Place on_chip : {Place{1, 1, 1}, {0, 1, 1}, {0, 0, 1}, {1, 1, 0}, {0, 1, 0}, {0, 0, 0}}) {
    batch.gram_on_chip = on_chip.gram;
    batch.factor_on_chip = on_chip.factor;
    batch.z_on_chip = on_chip.z;
    for (int blocks = 1; blocks <= most_blocks; blocks *= 2) {
      cut(batch, blocks);
      const bool is_cut_enough = batch.z_on_chip != 0 || batch.tiles_a_block <= tiles_off_chip || blocks == most_blocks;
      if (is_cut_enough && fits(batch, shared_bytes_a_block)) {
        choose_warps(batch, shared_bytes_a_block);
        return batch;
      }
    }
    if (is_all_on_chip(batch.column_tiles)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<ResidentBatch> measure_resident(const BatchShape& shape, int shared_bytes_a_block,
                                              int compute_capability) {
  if (compute_capability < first_with_products || shape.rows > max_rows) {
    return std::nullopt;
  }
  ResidentBatch batch;
  batch.samples = shape.samples;
  batch.rows = shape.rows;
  batch.depth_tiles = divide_up(shape.samples, resident_depth);
  batch.width = shape.width;
  batch.unit_tiles = divide_up(shape.width, resident_units);
  batch.inverse_root_width = 1 / std::sqrt(static_cast<double>(shape.width));
  const int most_blocks = compute_capability < first_with_clusters ? 1 : max_resident_blocks;
  std::optional<ResidentBatch> found;
  ResidentColumns::visit([&](auto columns) {
    if (!found && divide_up(shape.rows, resident_columns) <= columns.value) {
      batch.column_tiles = columns.value;
      found = place(batch, most_blocks, shared_bytes_a_block);
    }
  });
  return found;
}

bool is_for_resident(const TrainingSettings& training) {
  constexpr std::int64_t most_factors = 1 << 22;
  return training.max_steps < most_factors || (is_constant(training.schedule) && is_constant(training.step_schedule));
}

std::size_t resident_bytes(const ResidentBatch& b, const TrainingSettings& training, int problems, int runs,
                           std::size_t records) {
  const std::size_t matrix = product({b.depth_tiles, b.column_tiles, kernels::lanes}) * sizeof(Quad);
  const std::size_t z = product({b.unit_tiles, b.column_tiles, kernels::lanes}) * sizeof(Quad);
  const std::size_t units = product({b.unit_tiles, resident_units}) * sizeof(float);
  const std::size_t a_problem = 2 * matrix + z + 2 * units + product({b.rows + 2}) * sizeof(float);
  const std::size_t observed = (records + 1) * product({b.blocks, resident_values}) * sizeof(double);
  const std::size_t a_run = z + units + observed + sizeof(ResidentRun) + sizeof(ResidentProgress) + sizeof(int);
  const std::size_t factors = is_constant(training.schedule) && is_constant(training.step_schedule)
                                  ? 0
                                  : 2 * (static_cast<std::size_t>(training.max_steps) + 1) * sizeof(double);
  const std::size_t a_cluster = b.factor_on_chip != 0 ? 0 : product({b.blocks}) * matrix;
  const auto count = static_cast<std::size_t>(runs);
  return static_cast<std::size_t>(problems) * a_problem + count * (a_run + a_cluster) + factors;
}

}  // namespace fasweep
