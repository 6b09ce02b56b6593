#include "util/machine_limits.hpp"

#include <sched.h>

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/folder.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

/// A machine in a folder: its cgroups, and the process's two files about them.
class Cgroups : public ::testing::Test {
 protected:
  void describe(const std::string& cgroup, const std::string& mountinfo) const {
    write(process_ / "cgroup", cgroup);
    write(process_ / "mountinfo", "22 27 0:21 / /proc rw,relatime - proc proc rw\n" + mountinfo);
  }
  [[nodiscard]] fs::path mount(const std::string& name) const { return folder_ / ("sys/" + name); }
  [[nodiscard]] std::string mounted(const std::string& name, const std::string& type,
                                    const std::string& root = "/") const {
    return "35 31 0:32 " + root + " " + mount(name).string() + " rw,relatime shared:9 - " + type + " cgroup rw," +
           name + "\n";
  }

  testing::Folder folder_;
  const fs::path process_ = folder_ / "process";
};

TEST_F(Cgroups, SecondVersionCountsTheTightestOfAllAround) {
  describe("0::/jobs/one\n", mounted("unified", "cgroup2"));
  write(mount("unified") / "jobs/one/cpu.max", "max 100000\n");
  write(mount("unified") / "jobs/cpu.max", "150000 100000\n");
  write(mount("unified") / "jobs/one/memory.max", "2147483648\n");
  write(mount("unified") / "jobs/memory.max", "max\n");

  EXPECT_EQ(cgroup_cores(process_), 1.5);
  EXPECT_EQ(cgroup_bytes(process_), 2147483648.0);
}

TEST_F(Cgroups, FirstVersionHasAHierarchyAController) {
  describe("4:memory:/m\n2:cpuacct,cpu:/c\n0::/\n",
           mounted("memory", "cgroup") + mounted("cpu", "cgroup") + mounted("unified", "cgroup2"));
  write(mount("cpu") / "c/cpu.cfs_quota_us", "75000\n");
  write(mount("cpu") / "c/cpu.cfs_period_us", "100000\n");
  write(mount("cpu") / "cpu.cfs_quota_us", "-1\n");
  write(mount("cpu") / "cpu.cfs_period_us", "100000\n");
  write(mount("memory") / "m/memory.limit_in_bytes", "1048576\n");

  EXPECT_EQ(cgroup_cores(process_), 0.75);
  EXPECT_EQ(cgroup_bytes(process_), 1048576.0);
}

TEST_F(Cgroups, ContainersSeeAPartOfTheirHost) {
  describe("0::/docker/abc\n", mounted("unified", "cgroup2", "/docker/abc"));
  write(mount("unified") / "cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cores(process_), 3.0);

  describe("0::/docker/abc\n", mounted("unified", "cgroup2", "/elsewhere"));
  EXPECT_EQ(cgroup_cores(process_), 3.0);
}

TEST_F(Cgroups, NoLimitIsNone) {
  describe("0::/\n", mounted("unified", "cgroup2"));
  EXPECT_FALSE(cgroup_cores(process_));
  EXPECT_FALSE(cgroup_bytes(process_));
  EXPECT_FALSE(cgroup_cores(process_ / "nowhere"));
}

TEST(MachineLimits, TheEnvironmentMayLimitCoresAndNotAdd) {
  unsetenv("SLURM_CPUS_PER_TASK");
  unsetenv("OMP_NUM_THREADS");
  const double all = core_limit().value;
  EXPECT_GE(all, 1);
  setenv("OMP_NUM_THREADS", "1000000", 1);
  EXPECT_EQ(core_limit().value, all);
  for (const char* wrong : {"", "0", "-1", "many"}) {
    setenv("OMP_NUM_THREADS", wrong, 1);
    EXPECT_EQ(core_limit().value, all) << wrong;
  }
  if (all == 1) {
    GTEST_SKIP() << "nothing can be less";
  }
  for (const char* variable : {"OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"}) {
    unsetenv("OMP_NUM_THREADS");
    setenv(variable, variable[0] == 'O' ? "1,2" : "1", 1);
    EXPECT_EQ(core_limit().value, 1);
    EXPECT_EQ(core_limit().origin, std::string(variable) + " = 1");
    unsetenv(variable);
  }
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  EXPECT_EQ(core_limit().value, 1);
  EXPECT_THAT(core_limit().origin, HasSubstr("bound"));
  sched_setaffinity(0, sizeof before, &before);
}

TEST(MachineLimits, SlurmLimitsMemory) {
  const double all = memory_limit().value;
  setenv("SLURM_MEM_PER_CPU", "3", 1);
  setenv("SLURM_CPUS_ON_NODE", "2", 1);
  EXPECT_EQ(memory_limit().value, 6.0 * (1 << 20));
  setenv("SLURM_MEM_PER_NODE", "0", 1);  // all there is
  EXPECT_EQ(memory_limit().value, 6.0 * (1 << 20));
  setenv("SLURM_MEM_PER_NODE", "5", 1);
  EXPECT_EQ(memory_limit().value, 5.0 * (1 << 20));
  EXPECT_EQ(memory_limit().origin, "SLURM_MEM_PER_NODE");
  unsetenv("SLURM_MEM_PER_CPU");
  unsetenv("SLURM_MEM_PER_NODE");
  EXPECT_EQ(memory_limit().value, all);
}

}  // namespace
}  // namespace fasweep
