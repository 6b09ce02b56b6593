// The launch of the resident kernel, the same text for the real and the emulated device.
#pragma once

#include "backend/cuda/device.hpp"
#include "backend/cuda/resident_kernels.hpp"
#include "model/activation/list.hpp"

namespace fasweep {

/// Calls use(kernel) with the kernel for these sizes.
template <class Use>
void with_resident_kernel(int activation, const ResidentBatch& batch, Use use) {
  Activations::visit(activation, [&](auto type) {
    using Activation = typename decltype(type)::type;
    ResidentColumns::visit([&](auto columns) {
      if (columns.value == batch.column_tiles) {
        use(kernels::train_resident<Activation, columns.value>);
      }
    });
  });
}

inline simt::Grid grid_of(const ResidentBatch& batch) {
  return {static_cast<unsigned>(batch.clusters * batch.blocks), 1, static_cast<unsigned>(batch.blocks)};
}

void queue_resident(int activation, const ResidentBatch& batch, Stream& stream) {
  with_resident_kernel(activation, batch, [&](auto kernel) {
    simt::launch(kernel, grid_of(batch), static_cast<unsigned>(batch.warps * kernels::lanes),
                 static_cast<std::size_t>(kernels::resident_layout(batch).bytes), stream.handle(), batch);
  });
}

int count_resident_clusters(int activation, const ResidentBatch& batch) {
  int count = 0;
  with_resident_kernel(activation, batch, [&](auto kernel) {
    count = simt::clusters_at_once(kernel, grid_of(batch), static_cast<unsigned>(batch.warps * kernels::lanes),
                                   static_cast<std::size_t>(kernels::resident_layout(batch).bytes));
  });
  return count;
}

}  // namespace fasweep
