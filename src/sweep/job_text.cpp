#include "sweep/job_text.hpp"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string>

#include <boost/program_options.hpp>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

KeyValues read_key_values(std::string_view text, std::string_view origin) {
  namespace po = boost::program_options;
  if (text.find('%') != std::string_view::npos) {
    // No key or value has one, and Boost's own message about a line with "%invalid_line%" in it would never end.
    throw ConfigError("job text '" + std::string(origin) +
                      "' cannot be read (it has a '%'); every line is a [section], key = value, or a # comment");
  }
  std::istringstream stream{std::string(text)};
  constexpr bool allow_unregistered = true;  // the key table names unknown keys better
  try {
    KeyValues result;
    for (const po::option& option :
         po::parse_config_file(stream, po::options_description(), allow_unregistered).options) {
      result.emplace_back(option.string_key, option.value.empty() ? std::string() : option.value.front());
    }
    return result;
  } catch (const po::error& error) {
    throw ConfigError("job text '" + std::string(origin) + "' cannot be read (" + error.what() +
                      "); every line is a [section], key = value, or a # comment");
  }
}

/// What a line that begins a section calls it, or nothing.
std::optional<std::string_view> section_of(std::string_view line) {
  line = trim(line.substr(0, line.find('#')));
  if (line.size() < 2 || line.front() != '[' || line.back() != ']') {
    return std::nullopt;
  }
  return trim(line.substr(1, line.size() - 2));
}

}  // namespace

JobText read_job_text(std::string_view text, std::string_view origin) {
  std::string shared;
  std::vector<std::string> grids;
  bool in_grid = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    if (const std::optional<std::string_view> section = section_of(line)) {
      in_grid = *section == "grid";
      if (in_grid) {
        grids.emplace_back();
      }
    }
    (in_grid ? grids.back() : shared).append(line).append("\n");
    begin = end + 1;
  }
  JobText result{read_key_values(shared, origin), {}};
  for (const std::string& grid : grids) {
    result.grids.push_back(read_key_values(grid, origin));
  }
  return result;
}

}  // namespace fasweep
