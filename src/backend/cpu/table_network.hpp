// A network in sample space for activations whose derivative is 0 or 1, without multiplications in the n^2 part: unit r
// moves by v_r times the sum of the vectors e_i K_i over its active samples, and tables of the sums over every subset
// of five samples (the method of four Russians; Arlazarov et al. 1970) turn five multiply-adds into one addition. The
// tables are made once a step and serve all units.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include <hwy/aligned_allocator.h>

#include "backend/cpu/pack.hpp"
#include "backend/cpu/sample_space_start.hpp"

namespace fasweep {

// Rows of Z lie along the lanes. Training samples come in parts of 60, each filled up to 64 positions, so that a part's
// active samples are the bits of one word; test samples follow.
template <class Scalar, class Activation, class Rule>
class TableNetwork {
 public:
  explicit TableNetwork(const SampleSpaceStart<Scalar>& start)
      : samples_(start.samples),
        rows_(start.rows),
        width_(start.width),
        parts_((start.samples + part_samples - 1) / part_samples),
        training_positions_(round_up(position(start.samples - 1) + 1, lanes)),
        positions_(training_positions_ + round_up(start.rows - start.samples, lanes)),
        gram_(make_vector(start.samples * positions_)),
        z_(make_vector(start.width * positions_)),
        beta_(start.output_weight),
        feedback_(start.feedback),
        active_(static_cast<std::size_t>(start.width) * parts_),
        step_(start.width),
        error_(make_vector(positions_)),
        tables_(make_vector(positions_ * groups(start.samples) * subsets)),
        partial_outputs_(make_vector(positions_)),
        outputs_(make_vector(rows_)) {
    for (int row = 0; row < rows_; ++row) {
      for (int i = 0; i < samples_; ++i) {
        gram_[i * positions_ + position(row)] = start.gram[static_cast<std::size_t>(i) * rows_ + row];
      }
      for (int r = 0; r < width_; ++r) {
        z_[at(r) + position(row)] = start.pre_activation[static_cast<std::size_t>(r) * rows_ + row];
      }
    }
    sum_outputs_from_scratch();
  }

  /// H beta, rows.
  [[nodiscard]] std::span<const Scalar> outputs() const { return {outputs_.get(), static_cast<std::size_t>(rows_)}; }
  /// beta, width.
  [[nodiscard]] std::span<const Scalar> output_weight() const { return beta_; }
  /// z_ir of row i and hidden unit r.
  [[nodiscard]] Scalar pre_activation(int row, int unit) const { return z_[at(unit) + position(row)]; }

  /// beta <- decay beta - scale H^T e, Z <- Z - scale K [(e v^T) .* psi'(Z)], outputs of the new state. error: samples.
  void advance(std::span<const Scalar> error, Scalar decay, Scalar scale) {
    for (int i = 0; i < samples_; ++i) {
      error_[position(i)] = error[i];
    }
    make_tables(error);
    std::fill_n(partial_outputs_.get(), positions_, Scalar(0));
    for (int first = 0; first < width_; first += tile_units) {
      const int end = std::min(first + tile_units, width_);
      update_output_weights(first, end, decay, scale);
      for (int chunk = 0; chunk < positions_; chunk += chunk_lanes) {
        add_tables(first, end, chunk);
      }
    }
    sum_outputs();
  }

 private:
  using P = Pack<Scalar>;
  static constexpr int lanes = P::lanes;
  static constexpr int group_samples = 5;  // 2^5 sums of 64 bytes for 12 groups fit in 32 KiB of first-level cache
  static constexpr int subsets = 1 << group_samples;
  static constexpr int part_groups = 12;
  static constexpr int part_samples = group_samples * part_groups;
  static constexpr int part_positions = 64;
  static constexpr int chunk_vectors = std::max(1, 64 / static_cast<int>(lanes * sizeof(Scalar)));
  static constexpr int chunk_lanes = chunk_vectors * lanes;  // positions that one pass over the units updates
  static constexpr int tile_units = 1024;                    // whose Z stays in second-level cache

  static hwy::AlignedFreeUniquePtr<Scalar[]> make_vector(int size) {
    auto vector = hwy::AllocateAligned<Scalar>(static_cast<std::size_t>(std::max(size, 1)));
    std::fill_n(vector.get(), std::max(size, 1), Scalar(0));
    return vector;
  }
  static int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }
  static int groups(int samples) { return (samples + group_samples - 1) / group_samples; }

  [[nodiscard]] int position(int row) const {
    return row < samples_ ? row / part_samples * part_positions + row % part_samples
                          : training_positions_ + row - samples_;
  }
  [[nodiscard]] std::size_t at(int unit) const { return static_cast<std::size_t>(unit) * positions_; }

  /// The vectors that the tables of a chunk hold; fewer in the last chunk.
  [[nodiscard]] int vectors_of(int chunk) const { return std::min(chunk_vectors, (positions_ - chunk) / lanes); }
  [[nodiscard]] Scalar* table(int chunk) { return &tables_[chunk * groups(samples_) * subsets]; }

  /// For each chunk, group and subset of the group: the sum of e_i K_i over the subset, at the chunk's positions.
  void make_tables(std::span<const Scalar> error) {
    for (int chunk = 0; chunk < positions_; chunk += chunk_lanes) {
      const int vectors = vectors_of(chunk);
      Scalar* sums = table(chunk);
      for (int group = 0; group < groups(samples_); ++group, sums += subsets * vectors * lanes) {
        for (int vector = 0; vector < vectors; ++vector) {
          make_table(error, group, chunk + vector * lanes, sums + vector * lanes, vectors * lanes);
        }
      }
    }
  }

  void make_table(std::span<const Scalar> error, int group, int position, Scalar* sums, int stride) {
    P sum[subsets];
    sum[0] = P::broadcast(0);
#pragma GCC unroll 5
    for (int k = 0; k < group_samples; ++k) {
      const int i = group * group_samples + k;
      const P term = i < samples_ ? P::broadcast(error[i]) * P::load(&gram_[i * positions_ + position]) : sum[0];
#pragma GCC unroll 16
      for (int subset = 0; subset < 1 << k; ++subset) {
        sum[(1 << k) + subset] = sum[subset] + term;
      }
    }
#pragma GCC unroll 32
    for (int subset = 0; subset < subsets; ++subset) {
      sum[subset].store(sums + subset * stride);
    }
  }

  /// Of the units first to end: which samples are active, the step along the tables' sums, and the new beta.
  void update_output_weights(int first, int end, Scalar decay, Scalar scale) {
    for (int r = first; r < end; ++r) {
      const Scalar* z = &z_[at(r)];
      P gradient = P::broadcast(0);
      for (int part = 0; part < parts_; ++part) {
        std::uint64_t bits = 0;
        const int part_start = part * part_positions;
        const int part_end = std::min(part_start + part_positions, training_positions_);
        for (int position = part_start; position < part_end; position += lanes) {
          const P h = Activation::value(P::load(z + position));
          gradient = multiply_add(P::load(&error_[position]), h, gradient);
          bits |= bits_of(Activation::derivative(h)) << static_cast<unsigned>(position - part_start);
        }
        active_[static_cast<std::size_t>(r) * parts_ + part] = bits;
      }
      step_[r] = -scale * Rule::feedback(feedback_[r], beta_[r]);
      beta_[r] = decay * beta_[r] - scale * gradient.sum();
    }
  }

  /// One bit a lane, set where the derivative is 1.
  static std::uint64_t bits_of(P derivative) {
    namespace hn = hwy::HWY_NAMESPACE;
    std::array<std::uint8_t, 8> bytes{};
    hn::StoreMaskBits(typename P::Tag(), hn::Gt(derivative.vector, P::broadcast(0).vector), bytes.data());
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return bits;
  }

  void add_tables(int first, int end, int chunk) {
    if (vectors_of(chunk) == chunk_vectors) {
      add_parts<chunk_vectors>(first, end, chunk);
    } else {
      add_parts<1>(first, end, chunk);
    }
  }

  template <int vectors>
  void add_parts(int first, int end, int chunk) {
    const Scalar* sums = table(chunk);
    for (int part = 0; part < parts_; ++part) {
      const int part_size = groups(std::min(part_samples, samples_ - part * part_samples));
      add_part<vectors, part_groups>(part_size, first, end, chunk, part, sums);
      sums += part_size * subsets * vectors * lanes;
    }
    add_outputs<vectors>(first, end, chunk);
  }

  /// Finds the function for `part_size` groups, so that the loop over them is unrolled.
  template <int vectors, int size>
  void add_part(int part_size, int first, int end, int chunk, int part, const Scalar* sums) {
    if constexpr (size > 1) {
      if (part_size < size) {
        return add_part<vectors, size - 1>(part_size, first, end, chunk, part, sums);
      }
    }
    const std::uint64_t* active = &active_[part];
    for (int r = first; r < end; ++r) {
      add_subset_sums<vectors, size>(active[static_cast<std::size_t>(r) * parts_], sums, step_[r], &z_[at(r) + chunk]);
    }
  }

  /// z += step times the sum of the tables' entries for the active samples.
  template <int vectors, int size>
  static void add_subset_sums(std::uint64_t active, const Scalar* sums, Scalar step, Scalar* z) {
    constexpr int row = vectors * lanes;
    P sum[vectors];
#pragma GCC unroll 2
    for (int vector = 0; vector < vectors; ++vector) {
      sum[vector] = P::load(sums + (active % subsets) * row + vector * lanes);
    }
#pragma GCC unroll 12
    for (int group = 1; group < size; ++group) {
      const std::uint64_t subset = (active >> (group * group_samples)) % subsets;
      const Scalar* entry = sums + group * subsets * row + subset * row;
#pragma GCC unroll 2
      for (int vector = 0; vector < vectors; ++vector) {
        sum[vector] = sum[vector] + P::load(entry + vector * lanes);
      }
    }
#pragma GCC unroll 2
    for (int vector = 0; vector < vectors; ++vector) {
      multiply_add(P::broadcast(step), sum[vector], P::load(z + vector * lanes)).store(z + vector * lanes);
    }
  }

  template <int vectors>
  void add_outputs(int first, int end, int chunk) {
    P sum[vectors];
    for (int vector = 0; vector < vectors; ++vector) {
      sum[vector] = P::load(&partial_outputs_[chunk + vector * lanes]);
    }
    for (int r = first; r < end; ++r) {
      const P beta = P::broadcast(beta_[r]);
#pragma GCC unroll 2
      for (int vector = 0; vector < vectors; ++vector) {
        const P h = Activation::value(P::load(&z_[at(r) + chunk + vector * lanes]));
        sum[vector] = multiply_add(beta, h, sum[vector]);
      }
    }
    for (int vector = 0; vector < vectors; ++vector) {
      sum[vector].store(&partial_outputs_[chunk + vector * lanes]);
    }
  }

  void sum_outputs_from_scratch() {
    for (int first = 0; first < width_; first += tile_units) {
      const int end = std::min(first + tile_units, width_);
      for (int chunk = 0; chunk < positions_; chunk += lanes) {
        add_outputs<1>(first, end, chunk);
      }
    }
    sum_outputs();
  }

  void sum_outputs() {
    for (int row = 0; row < rows_; ++row) {
      outputs_[row] = partial_outputs_[position(row)];
    }
  }

  int samples_;
  int rows_;
  int width_;
  int parts_;
  int training_positions_;
  int positions_;
  hwy::AlignedFreeUniquePtr<Scalar[]> gram_;  // K: [sample][position]
  hwy::AlignedFreeUniquePtr<Scalar[]> z_;     // [unit][position]
  std::vector<Scalar> beta_;
  std::vector<Scalar> feedback_;
  std::vector<std::uint64_t> active_;                    // [unit][part]: the samples with derivative 1
  std::vector<Scalar> step_;                             // [unit]
  hwy::AlignedFreeUniquePtr<Scalar[]> error_;            // [position]
  hwy::AlignedFreeUniquePtr<Scalar[]> tables_;           // [chunk][group][subset][position of the chunk]
  hwy::AlignedFreeUniquePtr<Scalar[]> partial_outputs_;  // [position]
  hwy::AlignedFreeUniquePtr<Scalar[]> outputs_;          // [row]
};

}  // namespace fasweep
