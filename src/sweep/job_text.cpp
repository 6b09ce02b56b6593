#include "sweep/job_text.hpp"

#include <sstream>
#include <string>

#include <boost/program_options.hpp>

#include "util/error.hpp"

namespace fasweep {

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

}  // namespace fasweep
