// The figures of a GPU as `selftest --json` writes them and `plan --device-profile` reads them: objects of one line,
// among them one with "device" and some with "rate".
#pragma once

#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "backend/cuda/device_profile.hpp"

namespace fasweep::cli {

void add_to_json(const std::optional<DeviceProfile>& device, const std::optional<MeasuredRate>& rate,
                 nlohmann::json& line);

/// Profile of the first device in the file. Throws ConfigError if the file cannot be read or holds no such figures.
[[nodiscard]] DeviceProfile read_device_profile(const std::string& path);

}  // namespace fasweep::cli
