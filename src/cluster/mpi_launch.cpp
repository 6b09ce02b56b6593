// Whether this process is a rank, by what launchers leave in its environment; known with and without MPI.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "cluster/mpi_transport.hpp"

namespace fasweep {

bool launched_by_mpi() {
  constexpr std::array<const char*, 4> signs{"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"};
  return std::any_of(signs.begin(), signs.end(), [](const char* sign) { return std::getenv(sign) != nullptr; });
}

}  // namespace fasweep
