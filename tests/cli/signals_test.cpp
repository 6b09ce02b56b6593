#include "cli/signals.hpp"

#include <csignal>

#include <gtest/gtest.h>

namespace fasweep::cli {
namespace {

// One test: what asked to stop once stays known to the process.
TEST(Signals, DrainOnHangupsAndStopAtOnceOnASecondTerm) {
  std::signal(SIGHUP, SIG_IGN);  // as nohup does
  install_signal_handlers();
  std::raise(SIGHUP);
  EXPECT_EQ(stop_request(), 0);
  EXPECT_EQ(stop_signal_name(), "");

  std::signal(SIGHUP, SIG_DFL);
  install_signal_handlers();
  std::raise(SIGHUP);  // of the kernel, and of the shell
  std::raise(SIGHUP);
  EXPECT_EQ(stop_request(), 1);
  EXPECT_EQ(stop_signal_name(), "HUP");

  std::raise(SIGTERM);
  std::raise(SIGHUP);
  EXPECT_EQ(stop_request(), 2);
  EXPECT_EQ(stop_signal_name(), "HUP");
}

}  // namespace
}  // namespace fasweep::cli
