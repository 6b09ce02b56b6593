// Ranks as MPI processes. The only module file pair that knows MPI.
#pragma once

#include <memory>
#include <string>

#include "cluster/transport.hpp"

namespace fasweep {

/// Whether a launcher (mpirun, srun) started this process; a program started alone never initialises MPI.
[[nodiscard]] bool launched_by_mpi();

/// Initialises MPI (MPI_THREAD_FUNNELED) and finalises it when destroyed, unless a rank died, which would make it wait
/// forever. Throws TransportError if MPI cannot be initialised. At most one in a process.
[[nodiscard]] std::unique_ptr<Transport> make_mpi_transport();

/// "Open MPI v4.1.4, ..." on one line.
[[nodiscard]] std::string mpi_version();

}  // namespace fasweep
