#include "cli/format.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <sstream>

namespace fasweep::cli {

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds)) {
    return "unknown";
  }
  if (seconds < 1) {
    return std::to_string(std::lround(seconds * 1000)) + " ms";
  }
  const std::int64_t whole = std::llround(seconds);
  const auto pair = [](std::int64_t large, const char* large_unit, std::int64_t small, const char* small_unit) {
    return std::to_string(large) + " " + large_unit + (small > 0 ? " " + std::to_string(small) + " " + small_unit : "");
  };
  if (whole < 60) {
    return std::to_string(whole) + " s";
  }
  if (whole < 3600) {
    return pair(whole / 60, "min", whole % 60, "s");
  }
  if (whole < 86400) {
    return pair(whole / 3600, "h", whole % 3600 / 60, "min");
  }
  return pair(whole / 86400, "d", whole % 86400 / 3600, "h");
}

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  std::ostringstream text;
  text << std::fixed << std::setprecision(unit == 0 || bytes >= 100 ? 0 : 1) << bytes << " " << units[unit];
  return text.str();
}

}  // namespace fasweep::cli
