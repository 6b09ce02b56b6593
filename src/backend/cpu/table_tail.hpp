// The last training samples of a network in table_network.hpp, when they are so few that a vector of positions would be
// nearly empty (50 samples: three vectors of 16 and two). Their rows of Z have the hidden units along the lanes: a
// register is a table of the sums over every subset of log2(lanes) samples, and a permutation looks up a register of
// units at once.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

#include "backend/cpu/network_state.hpp"
#include "backend/cpu/pack.hpp"
#include "backend/cpu/sample_space_start.hpp"
#include "model/rule/readout.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Training samples come in parts of `part_samples`; the active ones of a part are the bits of a word of 8 bytes.
/// Arrays over units hold a multiple of `lanes` numbers, zero beyond the width, and are aligned as for Pack::load.
template <class Scalar, class Activation, int part_samples>
class TableTail {
 public:
  static constexpr int lanes = Pack<Scalar>::lanes;
  static constexpr int most_rows = lanes >= 8 ? lanes / 4 : 0;

  /// How many of the last of `samples` training samples are the tail's, 0 where it does not pay. What is left fills
  /// whole vectors in the last part.
  static int count_rows(int samples) {
    const int rows = ((samples - 1) % part_samples + 1) % lanes;
    return rows <= most_rows ? rows : 0;
  }

  explicit TableTail(const SampleSpaceStart<Scalar>& start)
      : rows_(count_rows(start.samples)),
        samples_(start.samples),
        parts_((start.samples + part_samples - 1) / part_samples),
        units_((start.width + lanes - 1) / lanes * lanes),
        gram_(rows_ * samples_),
        z_(static_cast<std::size_t>(rows_) * units_),
        tables_(parts_ * part_groups * rows_ * lanes),
        is_set_(subset_samples * lanes) {
    for (int k = 0; k < rows_; ++k) {
      const int row = samples_ - rows_ + k;
      for (int i = 0; i < samples_; ++i) {
        gram_[k * samples_ + i] = start.gram[static_cast<std::size_t>(i) * start.rows + row];
      }
      std::copy_n(&start.pre_activation[static_cast<std::size_t>(row) * start.width], start.width, z_of(k, 0));
    }
    for (int j = 0; j < subset_samples; ++j) {
      for (int subset = 0; subset < lanes; ++subset) {
        is_set_[j * lanes + subset] = static_cast<Scalar>(subset >> j & 1);
      }
    }
  }

  [[nodiscard]] int rows() const { return rows_; }

  void copy_pre_activations(int k, int first, std::span<Scalar> z) const {
    std::copy_n(z_of(k, first), z.size(), z.begin());
  }

  /// A step of beta and b without decay, with gradient H^T e of the tail's samples, for the units first to end. error:
  /// samples; active: of unit 0, the byte with a bit for each row, 8 bytes from one unit to the next.
  template <class Rule>
  void update_output_weights(std::span<const Scalar> error, int first, int end, Scalar scale, Scalar* beta,
                             Scalar* feedback, std::uint8_t* active) const {
    namespace hn = hwy::HWY_NAMESPACE;
    const Whole whole;
    for (int r = first; r < end; r += lanes) {
      P gradient = P::broadcast(0);
      auto bits = hn::Zero(whole);
      for (int k = 0; k < rows_; ++k) {
        const P h = Activation::value(P::load(z_of(k, r)));
        gradient = multiply_add(P::broadcast(error[samples_ - rows_ + k]), h, gradient);
        const auto holds =
            hn::RebindMask(whole, Activation::derivative(LaneTest<Scalar>{h}, LaneTest<Scalar>{h}).holds);
        bits = hn::Or(bits, hn::IfThenElseZero(holds, hn::Set(whole, hn::TFromD<Whole>(1) << k)));
      }
      Readout<P> readout{P::load(beta + r), P::load(feedback + r)};
      Rule::step(readout, gradient, P(1.0), P::broadcast(scale));
      readout.beta.store(beta + r);
      if constexpr (Rule::learns_feedback) {
        readout.b.store(feedback + r);
      }
      alignas(vector_bytes) hn::TFromD<Whole> of_units[lanes];
      hn::Store(bits, whole, of_units);
      for (int u = 0; u < lanes; ++u) {
        active[8 * (r + u)] = static_cast<std::uint8_t>(of_units[u]);
      }
    }
  }

  /// For every subset of a group of samples, row by row: the sum of t_i K_i over it, t what teaches (samples).
  void make_tables(std::span<const Scalar> taught) {
    for (int part = 0; part < parts_; ++part) {
      for (int group = 0; group < groups(part); ++group) {
        const int begin = part * part_samples + group * subset_samples;
        for (int k = 0; k < rows_; ++k) {
          P sums = P::broadcast(0);
          for (int j = 0; j < std::min(subset_samples, samples_ - begin); ++j) {
            const P term = P::broadcast(taught[begin + j] * gram_[k * samples_ + begin + j]);
            sums = multiply_add(term, P::load(&is_set_[j * lanes]), sums);
          }
          sums.store(&tables_[((part * part_groups + group) * rows_ + k) * lanes]);
        }
      }
    }
  }

  /// Z += step times the tables' sum for the active samples of the units first to end, and H beta of them is added to
  /// outputs (rows). active: [part][unit] words.
  void advance(int first, int end, const Scalar* step, const Scalar* beta, const std::uint8_t* active,
               Scalar* outputs) {
    advance_rows<most_rows>(first, end, step, beta, active, outputs);
  }

  /// outputs (rows) += H beta.
  void add_outputs(const Scalar* beta, Scalar* outputs) const {
    for (int k = 0; k < rows_; ++k) {
      P sum = P::broadcast(0);
      for (int r = 0; r < units_; r += lanes) {
        sum = multiply_add(P::load(beta + r), Activation::value(P::load(z_of(k, r))), sum);
      }
      outputs[k] += sum.sum();
    }
  }

  void save(ByteWriter& out) const { put_numbers(out, z_); }
  void restore(ByteReader& in) { get_numbers(in, z_); }

 private:
  using P = Pack<Scalar>;
  using Whole = hwy::HWY_NAMESPACE::RebindToUnsigned<typename P::Tag>;
  static constexpr int vector_bytes = static_cast<int>(sizeof(P));
  static constexpr int subset_samples = std::countr_zero(static_cast<unsigned>(lanes));
  static constexpr int part_groups = (part_samples + subset_samples - 1) / subset_samples;

  [[nodiscard]] Scalar* z_of(int k, int unit) { return z_.data() + static_cast<std::size_t>(k) * units_ + unit; }
  [[nodiscard]] const Scalar* z_of(int k, int unit) const {
    return z_.data() + static_cast<std::size_t>(k) * units_ + unit;
  }
  [[nodiscard]] int groups(int part) const {
    const int samples = std::min(part_samples, samples_ - part * part_samples);
    return (samples + subset_samples - 1) / subset_samples;
  }

  /// Finds the function for rows_, so that their sums stay in registers.
  template <int rows>
  void advance_rows(int first, int end, const Scalar* step, const Scalar* beta, const std::uint8_t* active,
                    Scalar* outputs) {
    if constexpr (rows > 0) {
      if (rows_ < rows) {
        return advance_rows<rows - 1>(first, end, step, beta, active, outputs);
      }
      advance_all<rows>(first, end, step, beta, active, outputs);
    }
  }

  template <int rows>
  void advance_all(int first, int end, const Scalar* step, const Scalar* beta, const std::uint8_t* active,
                   Scalar* outputs) {
    P output[rows];
    for (P& sum : output) {
      sum = P::broadcast(0);
    }
    for (int r = first; r < end; r += lanes) {
      P moves[rows];
      for (P& sum : moves) {
        sum = P::broadcast(0);
      }
      for (int part = 0; part < parts_; ++part) {
        add_part<rows>(active + 8 * (static_cast<std::size_t>(part) * units_ + r), part, moves);
      }
#pragma GCC unroll 4
      for (int k = 0; k < rows; ++k) {
        const P moved = multiply_add(P::load(step + r), moves[k], P::load(z_of(k, r)));
        moved.store(z_of(k, r));
        output[k] = multiply_add(P::load(beta + r), Activation::value(moved), output[k]);
      }
    }
    for (int k = 0; k < rows; ++k) {
      outputs[k] += output[k].sum();
    }
  }

  /// words: of `lanes` units.
  template <int rows>
  void add_part(const std::uint8_t* words, int part, P (&moves)[rows]) const {
    namespace hn = hwy::HWY_NAMESPACE;
    const Whole whole;
    const Scalar* const table = tables_.data() + part * part_groups * rows * lanes;
    const auto* const from = reinterpret_cast<const std::uint64_t*>(words);
    if constexpr (sizeof(Scalar) == sizeof(std::uint64_t)) {
      add_groups<rows>(hn::Load(whole, from), groups(part), table, moves);
    } else {
      // A word in two halves: those of the even 32-bit lanes, before and after a shift.
      constexpr int half_groups = 32 / subset_samples;
      constexpr int half_bits = half_groups * subset_samples;
      const hn::Repartition<std::uint64_t, Whole> wide;
      const auto first_units = hn::Load(wide, from);
      const auto last_units = hn::Load(wide, from + lanes / 2);
      const auto halves = [&](auto first, auto last) {
        return hn::ConcatEven(whole, hn::BitCast(whole, last), hn::BitCast(whole, first));
      };
      const int lower = std::min(groups(part), half_groups);
      add_groups<rows>(halves(first_units, last_units), lower, table, moves);
      add_groups<rows>(halves(hn::ShiftRight<half_bits>(first_units), hn::ShiftRight<half_bits>(last_units)),
                       groups(part) - lower, table + lower * rows * lanes, moves);
    }
  }

  /// bits: of `groups` groups, lane for lane.
  template <int rows, class Bits>
  static void add_groups(Bits bits, int groups, const Scalar* table, P (&moves)[rows]) {
    namespace hn = hwy::HWY_NAMESPACE;
    const typename P::Tag tag;
    const Whole whole;
    for (int group = 0; group < groups; ++group, table += rows * lanes) {
      const auto subset = hn::IndicesFromVec(tag, hn::And(bits, hn::Set(whole, lanes - 1)));
      bits = hn::ShiftRight<subset_samples>(bits);
#pragma GCC unroll 4
      for (int k = 0; k < rows; ++k) {
        moves[k] = moves[k] + P(hn::TableLookupLanes(P::load(table + k * lanes).vector, subset));
      }
    }
  }

  int rows_;
  int samples_;
  int parts_;
  int units_;                      // a multiple of lanes
  AlignedNumbers<Scalar> gram_;    // K: [row][sample]
  AlignedNumbers<Scalar> z_;       // [row][unit]
  AlignedNumbers<Scalar> tables_;  // [part][group][row][subset]
  AlignedNumbers<Scalar> is_set_;  // [sample of a group][subset]: 1 where the sample is in the subset
};

}  // namespace fasweep
