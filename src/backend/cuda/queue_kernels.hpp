// The launches of device.hpp, the same text for the real and the emulated device; each includes it in one source file.
#pragma once

#include "backend/cuda/device.hpp"
#include "backend/cuda/sample_space_kernels.hpp"

namespace fasweep {

inline simt::Grid grid_of(const SampleSpaceBatch& batch, int active) {
  return {static_cast<unsigned>(batch.blocks), static_cast<unsigned>(active)};
}

void queue_train_step(int activation, const SampleSpaceBatch& batch, int active, int offset, Stream& stream) {
  Activations::visit(activation, [&](auto type) {
    simt::launch(kernels::train_step<typename decltype(type)::type>, grid_of(batch, active), threads_a_block,
                 static_cast<std::size_t>(kernels::shared_bytes(batch.samples)), stream.handle(), batch, offset);
  });
}

void queue_observe(int activation, const SampleSpaceBatch& batch, int active, Stream& stream) {
  Activations::visit(activation, [&](auto type) {
    simt::launch(kernels::observe<typename decltype(type)::type>, grid_of(batch, active), threads_a_block,
                 static_cast<std::size_t>(kernels::shared_bytes(batch.samples)), stream.handle(), batch);
  });
}

}  // namespace fasweep
