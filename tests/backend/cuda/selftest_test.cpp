// What `fasweep selftest` says of the emulated device, and of devices and references that are wrong.
#include "backend/cuda/selftest.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/cpu/cpu_trainer.hpp"
#include "model/activation/list.hpp"
#include "support/device_emulated.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

using ::testing::HasSubstr;

class SelfTest : public ::testing::Test {
 protected:
  ~SelfTest() override { emulation::device_settings() = {}; }

  static constexpr std::array relu{Activations::index_of<Relu>()};
  std::vector<SelfTestLine> lines;
  SelfTestReport collect = [this](const SelfTestLine& line) { lines.push_back(line); };
};

/// Trains as the CPU does and reports a loss that is one part in a thousand off.
class SlightlyWrongTrainer final : public Trainer {
 public:
  [[nodiscard]] std::vector<RunRecord> train(const TrainingRequest& request) override {
    std::vector<RunRecord> records = cpu_->train(request);
    records.back().trajectory[0] *= 1.001;
    return records;
  }

 private:
  std::unique_ptr<Trainer> cpu_ = make_cpu_trainer();
};

/// Activations that the weight-space kernels train.
std::size_t activations_in_weight_space() {
  std::size_t count = 0;
  for (int activation = 0; activation < Activations::size; ++activation) {
    count += derivative_needs_input(activation) ? 0 : 1;
  }
  return count;
}

TEST_F(SelfTest, PassesInEmulationInBitsAndNumbers) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "takes minutes under the thread sanitizer, which checks the kernels at small shapes";
#endif
  run_selftest(0, *make_cpu_trainer(), collect);

  for (const SelfTestLine& line : lines) {
    EXPECT_TRUE(line.passed) << line.text;
  }
  constexpr std::size_t shapes = 5;
  constexpr std::size_t rules = 4;  // backprop and feedback alignment together
  EXPECT_EQ(lines.size(), 1 + Activations::size * (rules * shapes + 2) + 2 * activations_in_weight_space() + 2)
      << "device; bits of each rule and shape, numbers in sample space, rate; numbers and rates of networks, of pixels "
         "too";
  EXPECT_THAT(lines[1].text, HasSubstr("as in emulation"));
}

TEST_F(SelfTest, NumbersThatAreOffFail) {
  SlightlyWrongTrainer wrong;
  const std::int64_t before = emulation::half_products();

  check_kernel_numbers(0, relu, wrong, collect);

  EXPECT_GT(emulation::half_products(), before) << "pixels by tensor cores";
  EXPECT_EQ(lines.size(), 3U) << "in sample space, of networks, of pixels";
  for (const SelfTestLine& line : lines) {
    EXPECT_FALSE(line.passed) << line.text;
  }
}

TEST_F(SelfTest, MissingProductsFailByName) {
  emulation::device_settings().has_products = false;
  check_kernel_numbers(0, relu, *make_cpu_trainer(), collect);
  EXPECT_FALSE(lines.back().passed);
  EXPECT_THAT(lines.back().text, HasSubstr("the emulated device has none"));
}

TEST_F(SelfTest, ADeviceThatIsLostOrTooSmallIsADeviceError) {
  emulation::device_settings().memory_bytes = 1000;
  EXPECT_THROW(run_selftest(0, *make_cpu_trainer(), collect), DeviceError);
  emulation::device_settings() = {};
  emulation::device_settings().launches_until_lost = emulation::launches() + 3;
  EXPECT_THROW(run_selftest(0, *make_cpu_trainer(), collect), DeviceError);
}

}  // namespace
}  // namespace fasweep
