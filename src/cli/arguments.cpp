#include "cli/arguments.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iostream>

#include "data/load_dataset.hpp"

namespace fasweep::cli {
namespace {

std::string usage_of(std::string_view command) {
  const auto* found =
      std::find_if(commands.begin(), commands.end(), [&](const Command& c) { return c.name == command; });
  return "usage: fasweep " + std::string(found->usage) + "\n" + std::string(found->summary) + "\n";
}

/// FASWEEP_TIME_LIMIT -> time-limit, for options that exist; other variables are not ours.
std::string option_of_variable(const std::string& variable, const program_options::options_description& options) {
  constexpr std::string_view prefix = "FASWEEP_";
  if (!variable.starts_with(prefix)) {
    return {};
  }
  std::string name = variable.substr(prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c == '_' ? '-' : static_cast<char>(std::tolower(c)); });
  return options.find_nothrow(name, false) != nullptr ? name : std::string();
}

std::string read_job_text(const std::string& path) {
  constexpr std::size_t most_bytes = std::size_t{1} << 24U;  // of a text that people write
  std::ifstream file;
  if (path != "-") {
    file.open(path);
  }
  std::istream& stream = path == "-" ? std::cin : file;
  std::string text;
  std::array<char, 4096> block{};
  while (text.size() <= most_bytes && (stream.read(block.data(), block.size()), stream.gcount() > 0)) {
    text.append(block.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (path != "-" && text.empty()) {
    throw ConfigError("job file '" + path +
                      "' cannot be read (not there, empty, or no permission); give the path of a job file");
  }
  if (text.size() > most_bytes) {
    throw ConfigError("job file '" + path + "' cannot be read (more than " + std::to_string(most_bytes) +
                      " bytes); give the path of a job file");
  }
  return text;
}

}  // namespace

void ArgumentGrammar::add_positional(const char* name) {
  positional_values.add_options()(name, program_options::value<std::string>()->required());
  positional.add(name, 1);
}

ReadArguments read_arguments(const ArgumentGrammar& grammar, const Arguments& arguments) {
  program_options::options_description listed;
  listed.add(grammar.options).add_options()("help,h", "this text");
  program_options::options_description all;
  all.add(listed).add(grammar.positional_values);
  ReadArguments result;
  try {
    const int style =
        program_options::command_line_style::unix_style & ~program_options::command_line_style::allow_guessing;
    store(
        program_options::command_line_parser(arguments).options(all).positional(grammar.positional).style(style).run(),
        result.values);
    if (result.values.count("help") > 0) {
      std::cout << usage_of(grammar.command) << "\noptions:\n" << listed << grammar.epilog;
      result.helped = true;
      return result;
    }
    store(program_options::parse_environment(
              grammar.options,
              [&](const std::string& variable) { return option_of_variable(variable, grammar.options); }),
          result.values);
    notify(result.values);
  } catch (const program_options::error& error) {
    throw ConfigError("the arguments of 'fasweep " + std::string(grammar.command) + "' cannot be used (" +
                      error.what() + "); see fasweep " + std::string(grammar.command) + " --help");
  }
  return result;
}

KeyValues read_overrides(const std::vector<std::string>& texts) {
  KeyValues overrides;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      throw ConfigError("option '--set' = '" + text + "' is not accepted (no '='); write --set section.key=value");
    }
    overrides.emplace_back(trim(std::string_view(text).substr(0, equals)),
                           trim(std::string_view(text).substr(equals + 1)));
  }
  return overrides;
}

LoadedJob load_job(const std::string& path, const KeyValues& overrides) {
  const std::string origin = path == "-" ? "standard input" : path;
  const std::string text = read_job_text(path);
  LoadedJob loaded;
  loaded.job = parse_job(text, origin, overrides, [&](const DataSettings& data) {
    auto [dataset, report] = load_dataset(data);
    KeyValues facts = facts_of(dataset);
    if (find_dataset(loaded.datasets, dataset.checksum) == nullptr) {
      loaded.datasets.push_back(std::move(dataset));
      loaded.reports.push_back(std::move(report));
    }
    return facts;
  });
  constexpr double many_runs = 1e6;  // a second or two
  if (const double runs = count_points(loaded.job); runs > many_runs && may_repeat_runs(loaded.job)) {
    std::cerr << "fasweep: comparing " << format_real(runs) << " runs, for the grids may hold some of them twice\n";
  }
  return loaded;
}

void print_warnings(const DataReport& report) {
  for (const std::string& warning : report.warnings) {
    std::cerr << "fasweep: " << warning << "\n";
  }
}

double parse_duration(std::string_view text) {
  const auto reject = [&]() -> double {
    throw ConfigError("duration '" + std::string(text) +
                      "' is not accepted (not a positive time); write 90, 90s, 15m, 2h, 1:30:00 or 1-12:00:00");
  };
  double days = 0;
  std::string_view clock = text;
  if (const std::size_t dash = text.find('-'); dash != std::string_view::npos && dash > 0) {
    days = static_cast<double>(parse_integer(text.substr(0, dash)).value_or(-1));
    clock = text.substr(dash + 1);
  }
  double seconds = 0;
  if (clock.find(':') != std::string_view::npos) {
    for (const std::string_view part : split(clock, ':')) {
      const double value = parse_real(part).value_or(-1);
      seconds = value < 0 ? reject() : seconds * 60 + value;
    }
  } else {
    const char unit = clock.empty() ? ' ' : clock.back();
    const double scale = unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
    const std::string_view number = scale > 0 ? clock.substr(0, clock.size() - 1) : clock;
    seconds = parse_real(number).value_or(-1) * (scale > 0 ? scale : 1);
  }
  return days < 0 || seconds < 0 || days * 86400 + seconds <= 0 ? reject() : days * 86400 + seconds;
}

}  // namespace fasweep::cli
