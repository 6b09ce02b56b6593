// The weights that a run begins with where training.initial-state names a file of them, as they were read
// (store/state_file.hpp). Read once on each rank, shared by its worker threads, never changed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fasweep {

/// All matrices row-major.
struct InitialState {
  int width = 0;                         // p
  int inputs = 0;                        // d
  int outputs = 0;                       // k
  std::vector<double> hidden_weight;     // W(0): width x inputs
  std::vector<double> output_weight;     // beta(0): width x outputs
  std::vector<double> feedback;          // b: width x outputs
  std::vector<double> hidden_bias = {};  // width; empty: the network has no biases
  std::vector<double> output_bias = {};  // outputs; likewise
  std::uint32_t checksum = 0;            // CRC32C of all of the above: files that agree in it start the same runs

  [[nodiscard]] bool has_biases() const { return !hidden_bias.empty(); }
};

/// The one of `states` with this checksum; nullptr without one, as for drawn weights.
[[nodiscard]] inline const InitialState* find_state(std::span<const InitialState> states,
                                                    const std::optional<std::uint32_t>& checksum) {
  const auto found =
      std::ranges::find_if(states, [&](const InitialState& state) { return state.checksum == checksum; });
  return found == states.end() ? nullptr : &*found;
}

}  // namespace fasweep
