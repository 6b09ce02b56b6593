#include "cli/build_info.hpp"

#include <sstream>

#include <boost/version.hpp>

#include "cli/version.hpp"
#include "cluster/mpi_transport.hpp"
#include "store/result_writer.hpp"
#include "util/text.hpp"

namespace fasweep::cli {

std::vector<std::pair<std::string, std::string>> build_info() {
  std::ostringstream boost;
  boost << BOOST_VERSION / 100000 << "." << BOOST_VERSION / 100 % 1000;
  return {{"fasweep", FASWEEP_VERSION},
          {"git", FASWEEP_GIT},
          {"compiler", std::string(FASWEEP_COMPILER) + ", -march=" + FASWEEP_ARCH_NAME + ", " + FASWEEP_BUILD_TYPE},
          {"cuda", FASWEEP_CUDA_BUILD},
          {"hdf5", hdf5_version()},
          {"mpi", mpi_version()},
          {"eigen", FASWEEP_EIGEN_VERSION},
          {"highway", FASWEEP_HIGHWAY_VERSION},
          {"boost", boost.str()}};
}

std::string version_text() {
  return std::string(FASWEEP_VERSION) + " (" + FASWEEP_GIT + ")";
}

std::string build_text() {
  std::string text;
  for (const auto& [name, value] : build_info()) {
    text.append(name).append(": ").append(value).append("\n");
  }
  return text;
}

}  // namespace fasweep::cli
