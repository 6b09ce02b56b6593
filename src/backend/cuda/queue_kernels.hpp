// The launches of device.hpp, the same text for the real and the emulated device; each includes it in one source file.
#pragma once

#include "backend/cuda/device.hpp"
#include "backend/cuda/halves_kernels.hpp"
#include "backend/cuda/sample_space_kernels.hpp"
#include "backend/cuda/weight_space_kernels.hpp"
#include "model/activation/list.hpp"

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

/// Launches a kernel of weight_space_kernels.hpp, `columns` blocks for each of `rows`.
template <class... Parameters, class... Given>
void launch_on_weights(void (*kernel)(Parameters...), std::int64_t columns, int rows, std::size_t shared_bytes,
                       Stream& stream, Given... given) {
  simt::launch(kernel, {static_cast<unsigned>(columns), static_cast<unsigned>(rows)}, weight_threads, shared_bytes,
               stream.handle(), given...);
}

void queue_gather(const WeightSpaceBatch& batch, const SamplePass& pass, int problems, Stream& stream) {
  launch_on_weights(kernels::gather_inputs, pass.samples, problems, 0, stream, batch, pass);
}

void queue_activate(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream) {
  Activations::visit(activation, [&](auto type) {
    launch_on_weights(kernels::activate<typename decltype(type)::type>, pass.samples, active, 0, stream, batch, pass);
  });
}

void queue_errors(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream) {
  launch_on_weights(kernels::take_errors, sample_blocks(pass.samples), active, sizeof(kernels::SumMemory), stream,
                    batch, pass);
}

void queue_signal(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use,
                  int active, Stream& stream) {
  Activations::visit(activation, [&](auto type) {
    launch_on_weights(kernels::make_signal<typename decltype(type)::type>, pass.samples, active, 0, stream, batch, pass,
                      use);
  });
}

void queue_update_output(const WeightSpaceBatch& batch, const SamplePass& pass, double* squares, int active,
                         Stream& stream) {
  launch_on_weights(kernels::update_output, weight_blocks(output_size(batch)), active, sizeof(kernels::SumMemory),
                    stream, batch, pass, squares);
}

void queue_update_biases(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream) {
  launch_on_weights(kernels::update_biases, sample_blocks(batch.width) + 1, active, 0, stream, batch, pass);
}

void queue_decay_hidden(const WeightSpaceBatch& batch, const SamplePass& pass, double* squares, int active,
                        Stream& stream) {
  launch_on_weights(kernels::decay_hidden, weight_blocks(hidden_size(batch)), active, sizeof(kernels::SumMemory),
                    stream, batch, pass, squares);
}

void queue_observe_output(const WeightSpaceBatch& batch, double* sums, int active, Stream& stream) {
  launch_on_weights(kernels::observe_output, weight_blocks(output_size(batch)), active, sizeof(kernels::SumMemory),
                    stream, batch, sums);
}

void queue_observe_hidden(const WeightSpaceBatch& batch, const float* initial, double* squares, int active,
                          Stream& stream) {
  launch_on_weights(kernels::observe_hidden, batch.width, active, sizeof(kernels::SumMemory), stream, batch, initial,
                    squares);
}

/// Blocks of units that have a warp each.
inline int row_blocks(const WeightSpaceBatch& batch) {
  return (batch.width + kernels::rows_a_block - 1) / kernels::rows_a_block;
}

void queue_gather_counts(const WeightSpaceBatch& batch, const SamplePass& pass, std::int64_t stride, int active,
                         Stream& stream) {
  launch_on_weights(kernels::gather_counts, pass.samples, stride == 0 ? 1 : active, 0, stream, batch, pass, stride);
}

void queue_split_hidden(const WeightSpaceBatch& batch, int first_run, int runs, Stream& stream) {
  launch_on_weights(kernels::split_hidden, row_blocks(batch), runs, 0, stream, batch, first_run);
}

void queue_split_signal(int activation, const WeightSpaceBatch& batch, const SamplePass& pass, const SignalUse& use,
                        int active, Stream& stream) {
  const auto tiles = static_cast<unsigned>((batch.padded_width + signal_units - 1) / signal_units);
  const std::size_t shared = kernels::signal_shared_bytes(batch.outputs);
  Activations::visit(activation, [&](auto type) {
    simt::launch(kernels::split_signal<typename decltype(type)::type>, {tiles, static_cast<unsigned>(active)},
                 signal_threads, shared, stream.handle(), batch, pass, use);
  });
}

void queue_update_hidden(const WeightSpaceBatch& batch, const SamplePass& pass, int active, Stream& stream) {
  launch_on_weights(kernels::update_hidden, row_blocks(batch), active, 0, stream, batch, pass);
}

void queue_finish_gradient(const WeightSpaceBatch& batch, float* gradient, int active, Stream& stream) {
  launch_on_weights(kernels::finish_gradient, row_blocks(batch), active, 0, stream, batch, gradient);
}

void queue_compare_gradients(const WeightSpaceBatch& batch, const float* by_rule, const float* by_backprop,
                             double* sums, Stream& stream) {
  launch_on_weights(kernels::compare_gradients, weight_blocks(hidden_size(batch)), 1, sizeof(kernels::SumMemory),
                    stream, by_rule, by_backprop, hidden_size(batch), sums);
}

}  // namespace fasweep
