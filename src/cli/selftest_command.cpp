// fasweep selftest: checks the kernels on every visible GPU and reports their speed.
#include <iostream>

#include <nlohmann/json.hpp>

#include "backend/cpu/cpu_trainer.hpp"
#include "backend/cuda/cuda_trainer.hpp"
#include "backend/cuda/selftest.hpp"
#include "cli/arguments.hpp"
#include "cli/device_profile_file.hpp"
#include "util/error.hpp"

namespace fasweep::cli {
namespace {

constexpr std::array<std::string_view, 1> testable_backends{"cuda"};

}  // namespace

int selftest_command(const Arguments& arguments) {
  ArgumentGrammar grammar("selftest");
  grammar.options.add_options()("backend", program_options::value<std::string>()->default_value("cuda"),
                                "what to test: cuda")(
      "json", "one JSON object per line; saved to a file, a profile for `plan --device-profile`");
  grammar.epilog = "\nExit code 0 if every check passed on every visible device, else 1.\n";
  const auto [values, helped] = read_arguments(grammar, arguments);
  if (helped) {
    return success;
  }
  static_cast<void>(parse_choice("--backend", values["backend"].as<std::string>(), testable_backends));
  const int devices = count_cuda_devices();
  if (devices == 0) {
    throw DeviceError(has_cuda()
                          ? "nothing to test (no CUDA device is visible, or there is no driver); look at nvidia-smi"
                          : "nothing to test (this program was built without CUDA); build with nvcc");
  }
  const bool is_json = values.count("json") > 0;
  int failures = 0;
  const std::unique_ptr<Trainer> reference = make_cpu_trainer();
  for (int device = 0; device < devices; ++device) {
    run_selftest(device, *reference, [&](const SelfTestLine& line) {
      failures += line.passed ? 0 : 1;
      if (is_json) {
        nlohmann::json json{{"passed", line.passed}, {"check", line.text}};
        add_to_json(line.device, line.rate, json);
        std::cout << json.dump() << std::endl;
      } else {
        std::cout << (line.passed ? "pass  " : "FAIL  ") << line.text << std::endl;
      }
    });
  }
  std::cerr << (failures == 0 ? "selftest: passed" : "selftest: " + std::to_string(failures) + " checks failed")
            << "\n";
  return failures == 0 ? success : internal_error;
}

}  // namespace fasweep::cli
