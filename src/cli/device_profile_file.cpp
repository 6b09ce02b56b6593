#include "cli/device_profile_file.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "model/activation/list.hpp"
#include "util/error.hpp"

namespace fasweep::cli {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ConfigError("option '--device-profile' = '" + path + "' is not accepted (" + why +
                    "); write h100, or a file with the output of `fasweep selftest --json` on the GPU's machine");
}

template <class Names>
int position(const Names& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    throw nlohmann::json::other_error::create(501, "unknown name " + name, nullptr);
  }
  return static_cast<int>(found - names.begin());
}

MeasuredRate read_rate(const nlohmann::json& json) {
  MeasuredRate rate;
  rate.solver = static_cast<Solver>(position(solver_names, json.at("solver")));
  rate.activation = position(Activations::names, json.at("activation"));
  rate.shape = {json.at("samples"), json.at("width"), json.at("inputs"), json.at("outputs")};
  rate.seconds = json.at("seconds");
  const StepShape& shape = rate.shape;
  if (!(rate.seconds > 0) || !std::isfinite(rate.seconds) || shape.samples < 1 || shape.width < 1 || shape.inputs < 0 ||
      shape.outputs < 1) {
    throw nlohmann::json::other_error::create(501, "a rate that is none", nullptr);
  }
  return rate;
}

}  // namespace

void add_to_json(const std::optional<DeviceProfile>& device, const std::optional<MeasuredRate>& rate,
                 nlohmann::json& line) {
  if (device) {
    line["device"] = {{"name", device->name}, {"shared_bytes_a_block", device->shared_bytes_a_block}};
  }
  if (rate) {
    line["rate"] = {{"solver", name_of(rate->solver)},
                    {"activation", Activations::names[static_cast<std::size_t>(rate->activation)]},
                    {"samples", rate->shape.samples},
                    {"width", rate->shape.width},
                    {"inputs", rate->shape.inputs},
                    {"outputs", rate->shape.outputs},
                    {"seconds", rate->seconds}};
  }
}

DeviceProfile read_device_profile(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    refuse(path, "no such profile, and no such file");
  }
  DeviceProfile profile;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    try {
      const nlohmann::json json = nlohmann::json::parse(line);
      if (json.contains("device")) {
        if (!profile.name.empty()) {
          break;
        }
        profile.name = json["device"].at("name");
        profile.shared_bytes_a_block = json["device"].at("shared_bytes_a_block");
      } else if (json.contains("rate") && !profile.name.empty()) {
        profile.rates.push_back(read_rate(json["rate"]));
      }
    } catch (const nlohmann::json::exception& error) {
      refuse(path, "line " + std::to_string(number) + ": " + error.what());
    }
  }
  if (profile.rates.empty()) {
    refuse(path, "no figures of a GPU in it");
  }
  return profile;
}

}  // namespace fasweep::cli
