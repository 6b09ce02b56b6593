// Ranks as threads of one process: a sweep without mpirun (size 1), and tests of the protocol without MPI.
#pragma once

#include <memory>
#include <vector>

#include "cluster/transport.hpp"

namespace fasweep {

/// Endpoints 0..size-1 that can send to each other, one for each thread. The endpoints share their mailboxes.
[[nodiscard]] std::vector<std::unique_ptr<Transport>> make_local_transports(int size);

/// The only rank of a sweep.
[[nodiscard]] std::unique_ptr<Transport> make_single_transport();

}  // namespace fasweep
