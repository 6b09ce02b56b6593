#include "sweep/recorded_steps.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {

std::vector<std::int64_t> expand_steps(std::string_view text, std::int64_t max_steps, std::int64_t epoch) {
  const std::optional<Call> call = parse_call(text);
  const std::optional<std::int64_t> count =
      call && call->arguments.size() == 1 ? parse_integer(call->arguments[0]) : std::nullopt;
  constexpr std::int64_t max_points = 1'000'000;
  if (!count || *count < 1 || *count > std::numeric_limits<std::int64_t>::max() / 2) {
    throw ConfigError("it takes one whole number >= 1");
  }
  std::set<std::int64_t> steps{0, max_steps};
  const double last = static_cast<double>(max_steps);
  const double intervals = static_cast<double>(std::max<std::int64_t>(*count - 1, 1));
  if (call->name == "epochs" && epoch == 0) {
    throw ConfigError("fresh samples have no epochs; every(k) counts steps");
  }
  if (call->name == "every" || call->name == "epochs") {
    const std::int64_t factor = call->name == "epochs" ? epoch : 1;
    const std::int64_t gap = *count > max_steps / factor ? max_steps + 1 : *count * factor;
    if (max_steps / gap > max_points) {
      throw ConfigError("that is more than " + std::to_string(max_points) + " recorded steps");
    }
    for (std::int64_t step = 0; step < max_steps; step += gap) {
      steps.insert(step);
    }
  } else if (call->name == "log" || call->name == "linear") {
    if (*count > max_points) {
      throw ConfigError("that is more than " + std::to_string(max_points) + " recorded steps");
    }
    for (std::int64_t i = 0; i < *count && max_steps > 0; ++i) {
      const double share = static_cast<double>(i) / intervals;
      steps.insert(std::llround(call->name == "log" ? std::pow(last, share) : last * share));
    }
  } else {
    constexpr std::array<std::string_view, 4> names{"log", "linear", "every", "epochs"};
    throw ConfigError("'" + std::string(call->name) + "' is not known" + suggest(call->name, names));
  }
  return {steps.begin(), steps.end()};
}

}  // namespace fasweep
