// A network in sample space for activations whose derivative is 0 or 1, without multiplications in the n^2 part: unit r
// moves by v_r times the sum of the vectors e_i K_i over its active samples, and tables of the sums over every subset
// of five samples (the method of four Russians; Arlazarov et al. 1970) turn five multiply-adds into one addition.
// Tables are made for a few vectors of positions at a time, which stay in first-level cache while they serve all units.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "backend/cpu/network_state.hpp"
#include "backend/cpu/pack.hpp"
#include "backend/cpu/sample_space_start.hpp"
#include "backend/cpu/table_tail.hpp"
#include "model/rule/list.hpp"
#include "util/bytes.hpp"

namespace fasweep {

// Rows of Z lie along the lanes. Training samples come in parts of 60, each filled up to 64 positions, so that a part's
// active samples are the bits of one word; test samples follow. The last few training samples may have no positions but
// lie in the tail (table_tail.hpp).
template <class Scalar, class Activation>
class TableNetwork {
  static_assert(!Activation::derivative_needs_input);

 public:
  explicit TableNetwork(const SampleSpaceStart<Scalar>& start)
      : samples_(start.samples),
        rows_(start.rows),
        width_(start.width),
        padded_width_(round_up(start.width, lanes)),
        parts_((start.samples + part_samples - 1) / part_samples),
        tail_(start),
        positioned_samples_(start.samples - tail_.rows()),
        training_positions_(positioned_samples_ > 0 ? round_up(position_of_sample(positioned_samples_ - 1) + 1, lanes)
                                                    : 0),
        positions_(training_positions_ + round_up(start.rows - start.samples, lanes)),
        gram_(start.samples * positions_),
        z_(static_cast<std::size_t>(start.width) * positions_),
        beta_(padded_width_),
        feedback_(padded_width_),
        active_(static_cast<std::size_t>(padded_width_) * parts_ * part_bytes + 8),  // as StoreMaskBits may ask for
        step_(padded_width_),
        error_(positions_),
        tables_(part_groups * subsets * vectors_at_once * lanes),
        partial_outputs_(positions_),
        outputs_(rows_) {
    std::ranges::copy(start.output_weight, beta_.begin());
    std::ranges::copy(start.feedback, feedback_.begin());
    for (int row = 0; row < rows_; ++row) {
      if (is_in_tail(row)) {
        continue;
      }
      for (int i = 0; i < samples_; ++i) {
        gram_[i * positions_ + position(row)] = start.gram[static_cast<std::size_t>(i) * rows_ + row];
      }
      for (int r = 0; r < width_; ++r) {
        z_[at(r, position(row))] = start.pre_activation[static_cast<std::size_t>(row) * width_ + r];
      }
    }
    for (int position = 0; position < positions_; position += lanes) {
      add_outputs(position);
    }
    collect_outputs();
    tail_.add_outputs(beta_.data(), tail_outputs());
  }

  /// H beta, rows.
  [[nodiscard]] std::span<const Scalar> outputs() const { return outputs_; }
  /// beta, width.
  [[nodiscard]] std::span<const Scalar> output_weight() const {
    return {beta_.data(), static_cast<std::size_t>(width_)};
  }
  /// b, width.
  [[nodiscard]] std::span<const Scalar> feedback() const {
    return {feedback_.data(), static_cast<std::size_t>(width_)};
  }
  /// z_ir of row i and the hidden units first, first + 1, ... as many as `z` holds.
  void copy_pre_activations(int row, int first, std::span<Scalar> z) const {
    if (is_in_tail(row)) {
      tail_.copy_pre_activations(row - positioned_samples_, first, z);
      return;
    }
    const Scalar* from = z_.data() + at(first, position(row));
    for (Scalar& value : z) {
      value = *from;
      from += lanes;
    }
  }

  /// A step of beta and b with gradient H^T e, Z <- Z - scale K [(t v^T) .* psi'(Z)], outputs of the new state. rule:
  /// position in Rules, which gives v; Rule: its StepOf. error (e) and taught (t, the error itself where it teaches):
  /// samples. hidden_scale: scale, but for Z.
  template <class Rule>
  void advance(int rule, std::span<const Scalar> error, std::span<const Scalar> taught, Scalar decay, Scalar scale,
               Scalar hidden_scale) {
    for (int i = 0; i < positioned_samples_; ++i) {
      error_[position(i)] = error[i];
    }
    tail_.make_tables(taught);
    std::ranges::fill(partial_outputs_, Scalar(0));
    std::fill_n(tail_outputs(), tail_.rows(), Scalar(0));
    for (int first = 0; first < width_; first += tile_units) {
      const int end = std::min(first + tile_units, width_);
      set_steps(rule, first, end, hidden_scale);
      update_output_weights<Rule>(first, end, decay, scale);
      if (tail_.rows() > 0) {
        tail_.template update_output_weights<Rule>(error, first, end, scale, beta_.data(), feedback_.data(),
                                                   active_.data() + tail_byte());
        tail_.advance(first, end, step_.data(), beta_.data(), active_.data(), tail_outputs());
      }
      int position = 0;
      for (; position + vectors_at_once * lanes <= positions_; position += vectors_at_once * lanes) {
        add_tables<vectors_at_once>(taught, first, end, position);
      }
      for (; position < positions_; position += lanes) {
        add_tables<1>(taught, first, end, position);
      }
    }
    collect_outputs();
  }

  /// Z, beta and a learned b as they lie here; throws TransportError on a state of vectors of another length. outputs()
  /// are those of the next advance().
  template <class Rule>
  void save(ByteWriter& out) const {
    put_lanes(out, lanes);
    put_numbers(out, z_);
    tail_.save(out);
    put_numbers(out, beta_);
    if constexpr (Rule::learns_feedback) {
      put_numbers(out, feedback_);
    }
  }
  template <class Rule>
  void restore(ByteReader& in) {
    check_lanes(in, lanes);
    get_numbers(in, z_);
    tail_.restore(in);
    get_numbers(in, beta_);
    if constexpr (Rule::learns_feedback) {
      get_numbers(in, feedback_);
    }
  }

 private:
  using P = Pack<Scalar>;
  static constexpr int lanes = P::lanes;
  static constexpr int group_samples = 5;
  static constexpr int subsets = 1 << group_samples;
  static constexpr int part_groups = 12;
  static constexpr int part_samples = group_samples * part_groups;
  static constexpr int part_positions = 64;
  static constexpr int part_bytes = part_positions / 8;
  // Short vectors share the arithmetic of subsets in pairs. 12 tables of either fill 24 KiB of first-level cache.
  static constexpr int vectors_at_once = sizeof(P) < 64 ? 2 : 1;
  // Many to a table, few enough that second-level cache holds their Z at n = 50.
  static constexpr int tile_units = 4096;

  static int round_up(int count, int multiple) { return (count + multiple - 1) / multiple * multiple; }
  static int groups(int samples) { return (samples + group_samples - 1) / group_samples; }

  static int position_of_sample(int i) { return i / part_samples * part_positions + i % part_samples; }
  /// Position of a row that is not in the tail.
  [[nodiscard]] int position(int row) const {
    return row < samples_ ? position_of_sample(row) : training_positions_ + row - samples_;
  }
  [[nodiscard]] bool is_in_tail(int row) const { return row >= positioned_samples_ && row < samples_; }
  [[nodiscard]] Scalar* tail_outputs() { return outputs_.data() + positioned_samples_; }
  /// In active_, of unit 0 and the tail's samples.
  [[nodiscard]] std::size_t tail_byte() const { return active_byte(0, position_of_sample(positioned_samples_)); }
  [[nodiscard]] std::size_t active_byte(int unit, int position) const {
    const auto word = static_cast<std::size_t>(position / part_positions) * padded_width_ + unit;
    return word * part_bytes + position % part_positions / 8;
  }
  [[nodiscard]] std::size_t at(int unit, int position) const {
    return (static_cast<std::size_t>(position / lanes) * width_ + unit) * lanes + position % lanes;
  }

  /// For every subset of the group: the sum of t_i K_i over it, of `vectors` vectors of positions.
  template <int vectors>
  void make_table(std::span<const Scalar> taught, int group, int position, Scalar* sums) {
    constexpr int entry = vectors * lanes;
#pragma GCC unroll 2
    for (int v = 0; v < entry; v += lanes) {
      P::broadcast(0).store(sums + v);
    }
#pragma GCC unroll 5
    for (int k = 0; k < group_samples; ++k) {
      const int i = group * group_samples + k;
#pragma GCC unroll 2
      for (int v = 0; v < entry; v += lanes) {
        const P term =
            i < samples_ ? P::broadcast(taught[i]) * P::load(&gram_[i * positions_ + position + v]) : P::broadcast(0);
#pragma GCC unroll 16
        for (int subset = 0; subset < 1 << k; ++subset) {
          Scalar* const sum = sums + subset * entry + v;
          (P::load(sum) + term).store(sum + (entry << k));
        }
      }
    }
  }

  /// -hidden_scale v: the steps of units first to end along the tables' sums.
  void set_steps(int rule, int first, int end, Scalar hidden_scale) {
    visit_computed_rule(rule, [&](auto type) {
      for (int r = first; r < end; ++r) {
        step_[r] = -hidden_scale * decltype(type)::type::feedback(feedback_[r], beta_[r]);
      }
    });
  }

  /// For units first to end: finds active samples and takes a step of beta and b.
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
    // Local copies: the compiler cannot know that storing bits leaves the members alone.
    const Scalar* const error = error_.data();
    const int training_positions = training_positions_;
    const std::size_t z_stride = at(0, lanes);
    const Scalar* z = training_positions > 0 ? z_.data() + at(first, 0) : nullptr;  // all samples may be in the tail
    P gradient[units];
    for (int u = 0; u < units; ++u) {
      gradient[u] = P::broadcast(0);
    }
    for (int position = 0; position < training_positions; position += lanes, z += z_stride) {
      const P e = P::load(error + position);
      std::uint8_t* const active = active_.data() + active_byte(first, position);
#pragma GCC unroll 4
      for (int u = 0; u < units; ++u) {
        const P h = Activation::value(P::load(z + u * lanes));
        gradient[u] = multiply_add(e, h, gradient[u]);
        put_bits(Activation::derivative(LaneTest<Scalar>{h}, LaneTest<Scalar>{h}), active + u * part_bytes, position);
      }
    }
#pragma GCC unroll 4
    for (int u = 0; u < units; ++u) {
      const int r = first + u;
      Readout<Scalar> readout{beta_[r], feedback_[r]};
      Rule::step(readout, gradient[u].sum(), decay, scale);
      beta_[r] = readout.beta;
      if constexpr (Rule::learns_feedback) {
        feedback_[r] = readout.b;
      }
    }
  }

  /// One bit a lane, set where the derivative is 1. bytes: of `position`; positions come in rising order.
  static void put_bits(LaneTest<Scalar> derivative, std::uint8_t* bytes, int position) {
    namespace hn = hwy::HWY_NAMESPACE;
    const typename P::Tag tag;
    if (position % 8 == 0) {
      hn::StoreMaskBits(tag, derivative.holds, bytes);
    } else {
      std::uint8_t upper[8];  // as many as StoreMaskBits may write
      hn::StoreMaskBits(tag, derivative.holds, upper);
      *bytes = static_cast<std::uint8_t>(*bytes | upper[0] << position % 8);
    }
  }

  /// Moves `vectors` vectors at `position` of the units first to end, and adds them to the outputs.
  template <int vectors>
  void add_tables(std::span<const Scalar> taught, int first, int end, int position) {
    for (int part = 0; part < parts_; ++part) {
      const int part_size = groups(std::min(part_samples, samples_ - part * part_samples));
      for (int group = 0; group < part_size; ++group) {
        make_table<vectors>(taught, part * part_groups + group, position, &tables_[group * subsets * vectors * lanes]);
      }
      if (part + 1 < parts_) {
        add_part<vectors, part_groups, false>(part_size, first, end, position, part);
      } else {
        add_part<vectors, part_groups, true>(part_size, first, end, position, part);
      }
    }
  }

  /// Finds the function for `part_size` groups, so that the loop over them is unrolled.
  template <int vectors, int size, bool is_last>
  void add_part(int part_size, int first, int end, int position, int part) {
    if constexpr (size > 1) {
      if (part_size < size) {
        return add_part<vectors, size - 1, is_last>(part_size, first, end, position, part);
      }
    }
    add_groups<vectors, size, is_last>(first, end, position, part);
  }

  /// Z += step times the sum of the tables' entries for the active samples; the last part also adds to the outputs.
  /// Never inlined, so that its registers do not depend on what else is in this file.
  template <int vectors, int size, bool is_last>
  [[gnu::noinline]] void add_groups(int first, int end, int position, int part) {
    Scalar* const outputs = partial_outputs_.data() + position;
    std::array<P, vectors> output;
    for (int v = 0; v < vectors; ++v) {
      output[v] = P::load(outputs + v * lanes);
    }
    // Local copies: the compiler cannot know that storing z leaves the members alone.
    const Scalar* const step = step_.data();
    const Scalar* const beta = beta_.data();
    const Scalar* const sums = tables_.data();
    const std::uint8_t* active = active_.data() + active_byte(first, part * part_positions);
    const std::size_t z_stride = at(0, lanes);
    Scalar* z = z_.data() + at(first, position);
    for (int r = first; r < end; ++r, active += part_bytes, z += lanes) {
      const std::array<P, vectors> sum = add_subsets<vectors, size>(active, sums);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) {
        const P moved = multiply_add(P::broadcast(step[r]), sum[v], P::load(z + v * z_stride));
        moved.store(z + v * z_stride);
        if constexpr (is_last) {
          output[v] = multiply_add(P::broadcast(beta[r]), Activation::value(moved), output[v]);
        }
      }
    }
    for (int v = 0; v < vectors; ++v) {
      output[v].store(outputs + v * lanes);
    }
  }

  /// The sum of one entry of each of `size` tables.
  template <int vectors, int size>
  [[gnu::always_inline]] static std::array<P, vectors> add_subsets(const std::uint8_t* active, const Scalar* sums) {
    constexpr std::uint64_t entry = vectors * lanes;
    constexpr std::uint64_t mask = (subsets - 1) * entry;
    std::uint64_t bits;
    std::memcpy(&bits, active, sizeof bits);
    bits = std::rotl(bits, std::countr_zero(entry));  // subset times entry in one operation
    // Two sums, of even and odd groups, halve the chain of additions that the next unit's would wait behind.
    std::array<P, vectors> even;
    std::array<P, vectors> odd;
#pragma GCC unroll 12
    for (int group = 0; group < size; ++group) {
      const Scalar* const from = sums + group * subsets * entry + (std::rotr(bits, group * group_samples) & mask);
      std::array<P, vectors>& sum = group % 2 == 0 ? even : odd;
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) {
        const P term = P::load(from + v * lanes);
        sum[v] = group < 2 ? term : sum[v] + term;
      }
    }
    if constexpr (size > 1) {
      for (int v = 0; v < vectors; ++v) {
        even[v] = even[v] + odd[v];
      }
    }
    return even;
  }

  void add_outputs(int position) {
    P sum = P::load(&partial_outputs_[position]);
    for (int r = 0; r < width_; ++r) {
      sum = multiply_add(P::broadcast(beta_[r]), Activation::value(P::load(&z_[at(r, position)])), sum);
    }
    sum.store(&partial_outputs_[position]);
  }

  /// All but the tail's.
  void collect_outputs() {
    for (int row = 0; row < rows_; ++row) {
      if (!is_in_tail(row)) {
        outputs_[row] = partial_outputs_[position(row)];
      }
    }
  }

  int samples_;
  int rows_;
  int width_;
  int padded_width_;
  int parts_;
  TableTail<Scalar, Activation, part_samples> tail_;
  int positioned_samples_;  // the training samples before the tail's
  int training_positions_;
  int positions_;
  AlignedNumbers<Scalar> gram_;             // K: [sample][position]
  AlignedNumbers<Scalar> z_;                // [vector][unit][lane]
  AlignedNumbers<Scalar> beta_;             // [unit]
  AlignedNumbers<Scalar> feedback_;         // as above
  AlignedNumbers<std::uint8_t> active_;     // [part][unit][8 positions]: a bit for every derivative of 1
  AlignedNumbers<Scalar> step_;             // [unit]
  AlignedNumbers<Scalar> error_;            // [position]
  AlignedNumbers<Scalar> tables_;           // of a part and a few vectors: [group][subset][vector][lane]
  AlignedNumbers<Scalar> partial_outputs_;  // [position]
  AlignedNumbers<Scalar> outputs_;          // [row]
};

}  // namespace fasweep
