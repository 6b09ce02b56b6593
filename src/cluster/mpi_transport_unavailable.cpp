// Ranks of a program built without MPI: there are none.
#include "cluster/mpi_transport.hpp"
#include "util/error.hpp"

namespace fasweep {

std::unique_ptr<Transport> make_mpi_transport() {
  throw ConfigError(
      "mpirun and srun are not accepted (this program was built without MPI); start it alone on one machine, with "
      "--shard on several, or build with FASWEEP_MPI=ON");
}

std::string mpi_version() {
  return "none";
}

}  // namespace fasweep
