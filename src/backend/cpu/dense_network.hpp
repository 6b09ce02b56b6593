// A network in sample space for any activation: Z lies in tiles of hidden units, one unit per vector lane, and one pass
// over the tiles takes a step: each tile is updated and adds its part of the next outputs while it is in cache.
#pragma once

#include <algorithm>
#include <array>
#include <span>

#include "backend/cpu/dense_product.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/pack.hpp"
#include "backend/cpu/sample_space_start.hpp"
#include "model/rule/list.hpp"
#include "util/bytes.hpp"

namespace fasweep {

template <class Scalar, class Activation>
class DenseNetwork {
 public:
  explicit DenseNetwork(const SampleSpaceStart<Scalar>& start)
      : samples_(start.samples),
        rows_(start.rows),
        width_(start.width),
        tiles_((start.width + tile_units - 1) / tile_units),
        block_rows_(choose_block_rows(start.rows)),
        blocks_((start.rows + block_rows_ - 1) / block_rows_),
        gram_(pack_gram(start)),
        z_(tiles_ * tile_size()),
        h_(h_size()),
        beta_(tiles_ * tile_units),
        feedback_(tiles_ * tile_units),
        is_unit_(tiles_ * tile_units),
        signal_(samples_ * tile_units),
        partial_outputs_(rows_ * lanes),
        outputs_(rows_) {
    std::ranges::copy(start.output_weight, beta_.begin());
    std::ranges::copy(start.feedback, feedback_.begin());
    std::fill_n(is_unit_.data(), width_, Scalar(1));
    for (int i = 0; i < rows_; ++i) {
      for (int r = 0; r < width_; ++r) {
        z_[position(i, r)] = start.pre_activation[static_cast<std::size_t>(i) * width_ + r];
      }
    }
    clear_outputs();
    for (int tile = 0; tile < tiles_; ++tile) {
      add_outputs(tile);
    }
    sum_outputs();
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
    for (int r = first, end = first + static_cast<int>(z.size()); r < end;) {
      const int count = std::min(tile_units - r % tile_units, end - r);
      std::copy_n(&z_[position(row, r)], count, &z[static_cast<std::size_t>(r - first)]);
      r += count;
    }
  }

  /// A step of beta and b with gradient H^T e, Z <- Z - scale K [(t v^T) .* psi'(Z)], outputs of the new state. rule:
  /// position in Rules, which gives v; Rule: its StepOf. error (e) and taught (t, the error itself where it teaches):
  /// samples. hidden_scale: scale, but for Z.
  template <class Rule>
  void advance(int rule, std::span<const Scalar> error, std::span<const Scalar> taught, Scalar decay, Scalar scale,
               Scalar hidden_scale) {
    clear_outputs();
    for (int tile = 0; tile < tiles_; ++tile) {
      make_signal<Rule>(rule, tile, error, taught, decay, scale, hidden_scale);
      add_product(block_rows_, blocks_, samples_, gram_.data(), signal_.data(), &z_[tile * tile_size()]);
      add_outputs(tile);
    }
    sum_outputs();
  }

  /// Z, beta and a learned b as they lie here; throws TransportError on a state of vectors of another length. outputs()
  /// are those of the next advance().
  template <class Rule>
  void save(ByteWriter& out) const {
    put_lanes(out, lanes);
    put_numbers(out, z_);
    put_numbers(out, h_);
    put_numbers(out, beta_);
    if constexpr (Rule::learns_feedback) {
      put_numbers(out, feedback_);
    }
  }
  template <class Rule>
  void restore(ByteReader& in) {
    check_lanes(in, lanes);
    get_numbers(in, z_);
    get_numbers(in, h_);
    get_numbers(in, beta_);
    if constexpr (Rule::learns_feedback) {
      get_numbers(in, feedback_);
    }
  }

 private:
  using P = Pack<Scalar>;
  static constexpr int lanes = P::lanes;
  static constexpr int vectors = tile_vectors;
  static constexpr int tile_units = vectors * lanes;
  static constexpr int most_block_rows = fasweep::most_block_rows<Scalar>;

  /// Rows of Z that are updated together: many, but such that few rows are added to fill the last block.
  static int choose_block_rows(int rows) {
    int best = std::min(rows, most_block_rows);
    const auto padded = [rows](int block) { return (rows + block - 1) / block * block; };
    for (int block = best - 1; block >= most_block_rows * 2 / 3; --block) {
      best = padded(block) < padded(best) ? block : best;
    }
    return best;
  }

  [[nodiscard]] std::size_t tile_size() const { return static_cast<std::size_t>(blocks_ * block_rows_) * tile_units; }
  [[nodiscard]] std::size_t h_size() const { return Activation::is_cheap ? 0 : tiles_ * tile_size(); }
  [[nodiscard]] std::size_t position(int row, int unit) const {
    const auto tile = static_cast<std::size_t>(unit / tile_units);
    return tile * tile_size() + static_cast<std::size_t>(row) * tile_units + unit % tile_units;
  }

  /// K in the order add_product() reads it: [block][sample][row of the block]; zero for the rows that fill the last
  /// block.
  static AlignedNumbers<Scalar> pack_gram(const SampleSpaceStart<Scalar>& start) {
    const int block_rows = choose_block_rows(start.rows);
    const int blocks = (start.rows + block_rows - 1) / block_rows;
    AlignedNumbers<Scalar> packed(blocks * start.samples * block_rows);
    Scalar* next = packed.data();
    for (int block = 0; block < blocks; ++block) {
      for (int sample = 0; sample < start.samples; ++sample) {
        for (int row = block * block_rows; row < (block + 1) * block_rows; ++row) {
          *next++ = row < start.rows ? start.gram[static_cast<std::size_t>(sample) * start.rows + row] : Scalar(0);
        }
      }
    }
    return packed;
  }

  [[nodiscard]] P pre_activation(int tile, int row, int vector) const {
    return P::load(&z_[tile * tile_size() + row * tile_units + vector * lanes]);
  }
  [[nodiscard]] P value(int tile, int row, int vector) const {
    const std::size_t at = tile * tile_size() + row * tile_units + vector * lanes;
    return Activation::is_cheap ? Activation::value(P::load(&z_[at])) : P::load(&h_[at]);
  }

  /// signal = -hidden_scale (t v^T) .* psi'(Z) of a tile, samples x units, and a step of the tile's beta and b.
  template <class Rule>
  void make_signal(int rule, int tile, std::span<const Scalar> error, std::span<const Scalar> taught, Scalar decay,
                   Scalar scale, Scalar hidden_scale) {
    std::array<P, vectors> v;
    std::array<P, vectors> gradient;
    visit_computed_rule(rule, [&](auto type) {
      for (int vector = 0; vector < vectors; ++vector) {
        const int at = tile * tile_units + vector * lanes;
        v[vector] =
            decltype(type)::type::feedback(P::load(&feedback_[at]), P::load(&beta_[at])) * P::broadcast(-hidden_scale);
      }
    });
    std::ranges::fill(gradient, P::broadcast(0));
    for (int i = 0; i < samples_; ++i) {
      const P e = P::broadcast(error[i]);
      const P t = P::broadcast(taught[i]);
      for (int vector = 0; vector < vectors; ++vector) {
        const P h = value(tile, i, vector);
        const P z = Activation::derivative_needs_input ? pre_activation(tile, i, vector) : h;
        gradient[vector] = multiply_add(e, h, gradient[vector]);
        (t * Activation::derivative(z, h) * v[vector]).store(&signal_[i * tile_units + vector * lanes]);
      }
    }
    for (int vector = 0; vector < vectors; ++vector) {
      const int at = tile * tile_units + vector * lanes;
      Readout<P> readout{P::load(&beta_[at]), P::load(&feedback_[at])};
      Rule::step(readout, gradient[vector], P::broadcast(decay), P::load(&is_unit_[at]) * P::broadcast(scale));
      readout.beta.store(&beta_[at]);
      if constexpr (Rule::learns_feedback) {
        readout.b.store(&feedback_[at]);
      }
    }
  }

  void clear_outputs() { std::ranges::fill(partial_outputs_, Scalar(0)); }

  void add_outputs(int tile) {
    std::array<P, vectors> beta;
    for (int vector = 0; vector < vectors; ++vector) {
      beta[vector] = P::load(&beta_[tile * tile_units + vector * lanes]);
    }
    const std::size_t start = tile * tile_size();
    for (int i = 0; i < rows_; ++i) {
      P sum = P::load(&partial_outputs_[i * lanes]);
      for (int vector = 0; vector < vectors; ++vector) {
        const std::size_t at = start + i * tile_units + vector * lanes;
        const P h = Activation::value(P::load(&z_[at]));
        if constexpr (!Activation::is_cheap) {
          h.store(&h_[at]);
        }
        sum = multiply_add(beta[vector], h, sum);
      }
      sum.store(&partial_outputs_[i * lanes]);
    }
  }

  void sum_outputs() {
    for (int i = 0; i < rows_; ++i) {
      outputs_[i] = P::load(&partial_outputs_[i * lanes]).sum();
    }
  }

  int samples_;
  int rows_;
  int width_;
  int tiles_;
  int block_rows_;
  int blocks_;
  AlignedNumbers<Scalar> gram_;             // K, packed
  AlignedNumbers<Scalar> z_;                // [tile][row, filled up to whole blocks][unit of the tile]
  AlignedNumbers<Scalar> h_;                // psi(Z) in the same layout, unless it is cheap
  AlignedNumbers<Scalar> beta_;             // [unit], zero beyond width
  AlignedNumbers<Scalar> feedback_;         // as above
  AlignedNumbers<Scalar> is_unit_;          // 1, and 0 beyond width
  AlignedNumbers<Scalar> signal_;           // of one tile
  AlignedNumbers<Scalar> partial_outputs_;  // [row][lane]
  AlignedNumbers<Scalar> outputs_;
};

}  // namespace fasweep
