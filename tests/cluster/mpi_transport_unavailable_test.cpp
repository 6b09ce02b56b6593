#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/mpi_transport.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

TEST(MpiTransportUnavailable, RanksAreSeenAndRefused) {
  for (const char* sign : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE"}) {
    unsetenv(sign);
  }
  EXPECT_FALSE(launched_by_mpi());
  setenv("PMI_RANK", "0", 1);
  EXPECT_TRUE(launched_by_mpi());

  EXPECT_THAT([] { static_cast<void>(make_mpi_transport()); },
              testing::ThrowsMessage<ConfigError>(testing::HasSubstr("built without MPI")));
  EXPECT_EQ(mpi_version(), "none");
}

}  // namespace
}  // namespace fasweep
