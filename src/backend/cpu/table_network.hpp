// A network in sample space for activations whose derivative is 0 or 1, without multiplications in the n^2 part: unit r
// moves by v_r times the sum of the vectors e_i K_i over its active samples, and tables of the sums over every subset
// of five samples (the method of four Russians; Arlazarov et al. 1970) turn five multiply-adds into one addition. The
// tables are made once a step and serve all units.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "backend/cpu/network_state.hpp"
#include "backend/cpu/pack.hpp"
#include "backend/cpu/sample_space_start.hpp"
#include "util/bytes.hpp"

namespace fasweep {

// Rows of Z lie along the lanes. Training samples come in parts of 60, each filled up to 64 positions, so that a part's
// active samples are the bits of one word; test samples follow.
template <class Scalar, class Activation>
class TableNetwork {
 public:
  explicit TableNetwork(const SampleSpaceStart<Scalar>& start)
      : samples_(start.samples),
        rows_(start.rows),
        width_(start.width),
        parts_((start.samples + part_samples - 1) / part_samples),
        training_positions_(round_up(position(start.samples - 1) + 1, lanes)),
        positions_(training_positions_ + round_up(start.rows - start.samples, lanes)),
        gram_(make_numbers<Scalar>(start.samples * positions_)),
        z_(make_numbers<Scalar>(static_cast<std::size_t>(start.width) * positions_)),
        beta_(start.output_weight),
        feedback_(start.feedback),
        active_(static_cast<std::size_t>(start.width) * parts_),
        step_(start.width),
        error_(make_numbers<Scalar>(positions_)),
        tables_(make_numbers<Scalar>(table_start(positions_))),
        partial_outputs_(make_numbers<Scalar>(positions_)),
        outputs_(make_numbers<Scalar>(rows_)) {
    for (int row = 0; row < rows_; ++row) {
      for (int i = 0; i < samples_; ++i) {
        gram_[i * positions_ + position(row)] = start.gram[static_cast<std::size_t>(i) * rows_ + row];
      }
      for (int r = 0; r < width_; ++r) {
        z_[at(r) + position(row)] = start.pre_activation[static_cast<std::size_t>(row) * width_ + r];
      }
    }
    for (int position = 0; position < positions_; position += lanes) {
      add_outputs(position);
    }
    sum_outputs();
  }

  /// H beta, rows.
  [[nodiscard]] std::span<const Scalar> outputs() const { return {outputs_.get(), static_cast<std::size_t>(rows_)}; }
  /// beta, width.
  [[nodiscard]] std::span<const Scalar> output_weight() const { return beta_; }
  /// z_ir of row i and the hidden units first, first + 1, ... as many as `z` holds.
  void copy_pre_activations(int row, int first, std::span<Scalar> z) const {
    const Scalar* from = &z_[at(first) + position(row)];
    for (Scalar& value : z) {
      value = *from;
      from += positions_;
    }
  }

  /// beta <- decay beta - scale H^T e, Z <- Z - scale K [(e v^T) .* psi'(Z)], outputs of the new state. error: samples.
  template <class Rule>
  void advance(std::span<const Scalar> error, Scalar decay, Scalar scale) {
    for (int i = 0; i < samples_; ++i) {
      error_[position(i)] = error[i];
    }
    make_tables(error);
    std::fill_n(partial_outputs_.get(), positions_, Scalar(0));
    for (int first = 0; first < width_; first += tile_units) {
      const int end = std::min(first + tile_units, width_);
      update_output_weights<Rule>(first, end, decay, scale);
      for (int position = 0; position < positions_; position += lanes) {
        add_tables(first, end, position);
      }
    }
    sum_outputs();
  }

  /// Z and beta as they lie here; throws TransportError on a state of vectors of another length. outputs() are those of
  /// the next advance().
  void save(ByteWriter& out) const {
    put_lanes(out, lanes);
    put_numbers(out, z_, width_ * positions_);
    out.put_array(std::span<const Scalar>(beta_));
  }
  void restore(ByteReader& in) {
    check_lanes(in, lanes);
    get_numbers(in, z_, width_ * positions_);
    in.get_into(std::span(beta_));
  }

 private:
  using P = Pack<Scalar>;
  static constexpr int lanes = P::lanes;
  static constexpr int group_samples = 5;  // 12 tables of 2^5 vectors fit in 32 KiB of first-level cache
  static constexpr int subsets = 1 << group_samples;
  static constexpr int part_groups = 12;
  static constexpr int part_samples = group_samples * part_groups;
  static constexpr int part_positions = 64;
  static constexpr int tile_units = 1024;  // whose Z stays in second-level cache

  static int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }
  [[nodiscard]] std::size_t table_start(int position) const {
    return static_cast<std::size_t>(position) * groups(samples_) * subsets;
  }
  static int groups(int samples) { return (samples + group_samples - 1) / group_samples; }

  [[nodiscard]] int position(int row) const {
    return row < samples_ ? row / part_samples * part_positions + row % part_samples
                          : training_positions_ + row - samples_;
  }
  [[nodiscard]] std::size_t at(int unit) const { return static_cast<std::size_t>(unit) * positions_; }

  /// Tables of the vector at `position`: [group][subset].
  [[nodiscard]] Scalar* table(int position) { return &tables_[table_start(position)]; }

  /// For every position, group and subset of the group: the sum of e_i K_i over the subset.
  void make_tables(std::span<const Scalar> error) {
    for (int position = 0; position < positions_; position += lanes) {
      Scalar* sums = table(position);
      for (int group = 0; group < groups(samples_); ++group, sums += subsets * lanes) {
        make_table(error, group, position, sums);
      }
    }
  }

  void make_table(std::span<const Scalar> error, int group, int position, Scalar* sums) {
    P::broadcast(0).store(sums);
    for (int k = 0; k < group_samples; ++k) {
      const int i = group * group_samples + k;
      const P term =
          i < samples_ ? P::broadcast(error[i]) * P::load(&gram_[i * positions_ + position]) : P::broadcast(0);
      Scalar* with_sample = sums + (lanes << k);
      for (int subset = 0; subset < 1 << k; ++subset) {
        (P::load(sums + subset * lanes) + term).store(with_sample + subset * lanes);
      }
    }
  }

  /// Of the units first to end: which samples are active, the step along the tables' sums, and the new beta.
  template <class Rule>
  void update_output_weights(int first, int end, Scalar decay, Scalar scale) {
    constexpr int units = 4;  // at once: independent sums hide the latency of the additions
    int r = first;
    for (; r + units <= end; r += units) {
      update_units<Rule, units>(r, decay, scale);
    }
    for (; r < end; ++r) {
      update_units<Rule, 1>(r, decay, scale);
    }
  }

  template <class Rule, int units>
  void update_units(int first, Scalar decay, Scalar scale) {
    const Scalar* const z = &z_[at(first)];
    const Scalar* const error = error_.get();
    P gradient[units];
    for (int u = 0; u < units; ++u) {
      gradient[u] = P::broadcast(0);
    }
    for (int part = 0; part < parts_; ++part) {
      std::uint64_t bits[units] = {};
      const int part_start = part * part_positions;
      const int part_end = std::min(part_start + part_positions, training_positions_);
      for (int position = part_start; position < part_end; position += lanes) {
        const P e = P::load(error + position);
#pragma GCC unroll 4
        for (int u = 0; u < units; ++u) {
          const P h = Activation::value(P::load(z + u * positions_ + position));
          gradient[u] = multiply_add(e, h, gradient[u]);
          bits[u] |= std::uint64_t{bits_of(Activation::derivative(h))} << static_cast<unsigned>(position - part_start);
        }
      }
      for (int u = 0; u < units; ++u) {
        active_[static_cast<std::size_t>(first + u) * parts_ + part] = bits[u];
      }
    }
    for (int r = first; r < first + units; ++r) {
      step_[r] = -scale * Rule::feedback(feedback_[r], beta_[r]);
      beta_[r] = decay * beta_[r] - scale * gradient[r - first].sum();
    }
  }

  /// One bit a lane, set where the derivative is 1.
  static auto bits_of(P derivative) {
    namespace hn = hwy::HWY_NAMESPACE;
    std::array<std::uint8_t, 8> bytes;  // as many as StoreMaskBits may write
    hn::StoreMaskBits(typename P::Tag(), hn::Gt(derivative.vector, P::broadcast(0).vector), bytes.data());
    // Read back exactly what was written: a wider read would wait for the store.
    std::conditional_t<(lanes > 8), std::uint16_t, std::uint8_t> bits;
    static_assert(lanes <= 16);
    std::memcpy(&bits, bytes.data(), sizeof bits);
    return bits;
  }

  /// Moves the vector at `position` of the units first to end, and adds it to the outputs.
  void add_tables(int first, int end, int position) {
    const Scalar* sums = table(position);
    for (int part = 0; part < parts_; ++part) {
      const int part_size = groups(std::min(part_samples, samples_ - part * part_samples));
      if (part + 1 < parts_) {
        add_part<part_groups, false>(part_size, first, end, position, part, sums);
      } else {
        add_part<part_groups, true>(part_size, first, end, position, part, sums);
      }
      sums += part_size * subsets * lanes;
    }
  }

  /// Finds the function for `part_size` groups, so that the loop over them is unrolled. Z += step times the sum of the
  /// tables' entries for the active samples; the last part also adds to the outputs.
  template <int size, bool is_last>
  void add_part(int part_size, int first, int end, int position, int part, const Scalar* sums) {
    if constexpr (size > 1) {
      if (part_size < size) {
        return add_part<size - 1, is_last>(part_size, first, end, position, part, sums);
      }
    }
    P output = P::load(&partial_outputs_[position]);
    // Local copies: the compiler cannot know that storing z leaves the members alone.
    const Scalar* const step = step_.data();
    const Scalar* const beta = beta_.data();
    const std::uint64_t* active = &active_[static_cast<std::size_t>(first) * parts_ + part];
    Scalar* z = &z_[at(first) + position];
    const int active_stride = parts_;
    const int z_stride = positions_;
    for (int r = first; r < end; ++r, active += active_stride, z += z_stride) {
      const P moved = multiply_add(P::broadcast(step[r]), add_subsets<size>(*active, sums), P::load(z));
      moved.store(z);
      if constexpr (is_last) {
        output = multiply_add(P::broadcast(beta[r]), Activation::value(moved), output);
      }
    }
    output.store(&partial_outputs_[position]);
  }

  /// The sum of one entry of each of `size` tables.
  template <int size>
  static P add_subsets(std::uint64_t active, const Scalar* sums) {
    constexpr std::uint64_t mask = std::uint64_t{subsets - 1} * lanes;
    active = std::rotl(active, std::countr_zero(static_cast<unsigned>(lanes)));  // subset times lanes in one operation
    P sum = P::load(sums + (active & mask));
#pragma GCC unroll 12
    for (int group = 1; group < size; ++group) {
      sum = sum + P::load(sums + group * subsets * lanes + (std::rotr(active, group * group_samples) & mask));
    }
    return sum;
  }

  void add_outputs(int position) {
    P sum = P::load(&partial_outputs_[position]);
    for (int r = 0; r < width_; ++r) {
      sum = multiply_add(P::broadcast(beta_[r]), Activation::value(P::load(&z_[at(r) + position])), sum);
    }
    sum.store(&partial_outputs_[position]);
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
  AlignedNumbers<Scalar> gram_;  // K: [sample][position]
  AlignedNumbers<Scalar> z_;     // [unit][position]
  std::vector<Scalar> beta_;
  std::vector<Scalar> feedback_;
  std::vector<std::uint64_t> active_;       // [unit][part]: the samples with derivative 1
  std::vector<Scalar> step_;                // [unit]
  AlignedNumbers<Scalar> error_;            // [position]
  AlignedNumbers<Scalar> tables_;           // [vector][group][subset][lane]
  AlignedNumbers<Scalar> partial_outputs_;  // [position]
  AlignedNumbers<Scalar> outputs_;          // [row]
};

}  // namespace fasweep
