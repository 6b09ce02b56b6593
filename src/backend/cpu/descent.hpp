// The optimizer of a run (model/optimizer/list.hpp) with what it keeps of each weight.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/cpu/network_state.hpp"
#include "model/optimizer/list.hpp"

namespace fasweep {

template <class Scalar>
class Descent {
 public:
  /// sizes: of each kind of weights that lie together in memory, padding included.
  Descent(const Optimizer& optimizer, const std::vector<std::size_t>& sizes)
      : optimizer_(optimizer), is_sgd_(fasweep::is_sgd(optimizer)), kept_(sizes.size()) {
    const int moments =
        Optimizers::visit(optimizer.position(), [](auto type) { return decltype(type)::type::moments; });
    for (std::size_t kind = 0; kind < sizes.size(); ++kind) {
      for (int moment = 0; moment < moments; ++moment) {
        kept_[kind].at(static_cast<std::size_t>(moment)).resize(sizes[kind]);
      }
    }
  }

  /// Whether directions are the gradients, so that nobody need ask for them.
  [[nodiscard]] bool is_sgd() const { return is_sgd_; }

  /// Makes of the gradients of weights first, first + 1, ... of a kind the directions of step t, in their place.
  void turn(std::size_t kind, std::size_t first, std::int64_t t, std::span<Scalar> gradient) {
    visit_choice<Optimizers>(optimizer_, [&](const auto& optimizer) {
      constexpr std::size_t moments = std::decay_t<decltype(optimizer)>::moments;
      const auto direction = optimizer.template at_step<Scalar>(t);
      std::array<Scalar*, moments> kept;
      for (std::size_t m = 0; m < moments; ++m) {
        kept[m] = kept_[kind][m].data() + first;
      }
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        std::array<Scalar, moments> own;
        for (std::size_t m = 0; m < moments; ++m) {
          own[m] = kept[m][i];
        }
        gradient[i] = direction(gradient[i], own);
        for (std::size_t m = 0; m < moments; ++m) {
          kept[m][i] = own[m];
        }
      }
    });
  }

  void save(ByteWriter& out) const {
    for (const auto& of_kind : kept_) {
      for (const AlignedNumbers<Scalar>& numbers : of_kind) {
        put_numbers(out, numbers);
      }
    }
  }
  void restore(ByteReader& in) {
    for (auto& of_kind : kept_) {
      for (AlignedNumbers<Scalar>& numbers : of_kind) {
        get_numbers(in, numbers);
      }
    }
  }

 private:
  static constexpr std::size_t most_moments = 2;

  const Optimizer& optimizer_;
  bool is_sgd_;
  std::vector<std::array<AlignedNumbers<Scalar>, most_moments>> kept_;  // by kind
};

}  // namespace fasweep
