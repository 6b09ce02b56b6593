#include "cli/arguments.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

#include "cli/message.hpp"
#include "data/load_dataset.hpp"
#include "store/state_file.hpp"

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
  errno = 0;
  if (path != "-") {
    file.open(path);
  }
  std::istream& stream = path == "-" ? std::cin : file;
  std::string text;
  std::array<char, 4096> block{};
  while (text.size() <= most_bytes && (stream.read(block.data(), block.size()), stream.gcount() > 0)) {
    text.append(block.data(), static_cast<std::size_t>(stream.gcount()));
  }
  const int error = errno;
  const auto refuse = [&](const std::string& why) {
    throw ConfigError("job file '" + path + "' cannot be read (" + why + "); give the path of a job file");
  };
  if (path != "-" && (!file.is_open() || file.bad())) {
    refuse(std::generic_category().message(error));
  }
  if (path != "-" && text.empty()) {
    std::error_code ignored;
    refuse(std::filesystem::is_directory(path, ignored) ? "it is a folder" : "it is empty");
  }
  if (text.size() > most_bytes) {
    refuse("more than " + std::to_string(most_bytes) + " bytes");
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

void check_path(std::string_view option, const std::string& path, std::size_t appended) {
  const auto refuse = [&](const std::string& why, const std::string& what_to_do) {
    throw ConfigError("path '" + path + "' of '" + std::string(option) + "' is not accepted (" + why + "); " +
                      what_to_do);
  };
  if (path.empty()) {
    refuse("it is empty", "name a file");
  }
  const auto refuse_long = [&](const std::string& what, std::size_t bytes, std::size_t most) {
    if (bytes > most) {
      refuse(what + " of " + std::to_string(bytes) + " bytes is too long", "use at most " + std::to_string(most));
    }
  };
  refuse_long("a path", path.size(), PATH_MAX - 1 - appended);
  for (const std::string_view name : split(path, '/')) {
    const bool is_last = name.data() + name.size() == path.data() + path.size();
    refuse_long("a name", name.size(), NAME_MAX - (is_last ? appended : 0));
  }
}

std::string input_path(const program_options::variables_map& values, const std::string& option) {
  std::string path = values[option].as<std::string>();
  check_path(option, path);
  return path;
}

std::string output_path(const program_options::variables_map& values) {
  constexpr std::size_t longest_suffix = 24;  // ".journal.damaged.99" and the like
  std::string path = values["output"].as<std::string>();
  check_path("--output", path, longest_suffix);
  return path;
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

/// What `load` returns of a path that a job file names. A relative path of what is not there is often meant to start
/// beside the job file.
template <class Load>
auto load_named(const std::string& path, const std::string& job_path, Load load) {
  namespace fs = std::filesystem;
  try {
    return load();
  } catch (const ConfigError& error) {
    std::error_code ignored;
    if (fs::path(path).is_absolute() || path.starts_with("~/") || fs::exists(path, ignored)) {
      throw;
    }
    const fs::path beside = fs::path(job_path).parent_path() / path;
    throw ConfigError(std::string(error.what()) + "; relative paths start from the current folder, '" +
                      fs::current_path(ignored).string() + "'" +
                      (fs::exists(beside, ignored) ? ", and '" + beside.string() + "' exists" : ""));
  }
}

/// What was understood of an initial state.
DataReport report_state(const StateSource& source, const InitialState& state) {
  return {"initial state '" + source.path + "': " + std::to_string(state.width) + " hidden units, " +
              std::to_string(state.inputs) + " inputs, " + std::to_string(state.outputs) +
              (state.outputs == 1 ? " output" : " outputs") + (state.has_biases() ? ", biases" : "") + "; checksum " +
              format_checksum(state.checksum),
          {}};
}

LoadedJob load_job(const std::string& path, const KeyValues& overrides) {
  const std::string origin = path == "-" ? "standard input" : path;
  const std::string text = read_job_text(path);
  LoadedJob loaded;
  const ReadFacts read_facts = [&](const DataSettings& data) {
    auto [dataset, report] = load_named(data.path, path, [&] { return load_dataset(data); });
    KeyValues facts = facts_of(dataset);
    if (find_dataset(loaded.datasets, dataset.checksum) == nullptr) {
      loaded.datasets.push_back(std::move(dataset));
      loaded.reports.push_back(std::move(report));
    }
    return facts;
  };
  const ReadStateFacts read_state_facts = [&](const StateSource& source) {
    InitialState state = load_named(source.path, path, [&] { return read_initial_state(source); });
    KeyValues facts = facts_of(state);
    if (find_state(loaded.states, state.checksum) == nullptr) {
      loaded.reports.push_back(report_state(source, state));
      loaded.states.push_back(std::move(state));
    }
    return facts;
  };
  loaded.job = parse_job(text, origin, overrides, read_facts, read_state_facts);
  require_fitting_states(loaded.job, loaded.states);
  constexpr double many_runs = 1e6;  // a second or two
  if (const double runs = count_points(loaded.job); runs > many_runs && may_repeat_runs(loaded.job)) {
    print_message("comparing " + format_real(runs) + " runs, because the grids may hold some of them twice");
  }
  return loaded;
}

void print_warnings(const DataReport& report) {
  for (const std::string& warning : report.warnings) {
    print_message(warning);
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
