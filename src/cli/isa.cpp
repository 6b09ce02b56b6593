#include "cli/isa.hpp"

#include <algorithm>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep::cli {
namespace {

constexpr std::string_view automatic = "auto";
constexpr std::string_view note_begin = " (isa ";

std::vector<std::string_view> names_of(std::span<const InstructionSet> sets) {
  std::vector<std::string_view> names;
  for (const InstructionSet& set : sets) {
    names.push_back(set.name);
  }
  return names;
}

const InstructionSet* find_isa(std::span<const InstructionSet> sets, std::string_view name) {
  const auto found = std::ranges::find(sets, name, &InstructionSet::name);
  return found == sets.end() ? nullptr : &*found;
}

}  // namespace

void add_isa_option(ArgumentGrammar& grammar) {
  grammar.options.add_options()("isa", program_options::value<std::string>()->default_value(std::string(automatic)),
                                ("instruction set of the solvers: auto, " + join(names_of(instruction_sets()), ", ") +
                                 "; auto: that of the file, else the best that all processors have")
                                    .c_str());
}

std::string read_isa(const program_options::variables_map& values) {
  std::vector<std::string_view> accepted = names_of(instruction_sets());
  accepted.insert(accepted.begin(), automatic);
  const std::size_t choice = parse_choice("--isa", values["isa"].as<std::string>(), accepted);
  return choice == 0 ? std::string() : std::string(accepted[choice]);
}

std::span<const InstructionSet> isas_here() {
  const std::span<const InstructionSet> sets = instruction_sets();
  return {sets.begin(), std::ranges::find_if_not(sets, [](const InstructionSet& set) { return set.is_here(); })};
}

const InstructionSet& choose_isa(std::span<const InstructionSet> usable, std::string_view wanted) {
  if (wanted.empty()) {
    return usable.back();
  }
  const InstructionSet* found = find_isa(usable, wanted);
  if (found == nullptr) {
    throw ConfigError("option '--isa' = '" + std::string(wanted) +
                      "' is not accepted (a processor of this run lacks it); write one of " +
                      join(names_of(usable), ", "));
  }
  return *found;
}

const InstructionSet& choose_isa(std::span<const InstructionSet> usable, std::string_view wanted,
                                 std::string_view before) {
  if (!wanted.empty() || before.empty()) {
    return choose_isa(usable, wanted);
  }
  const InstructionSet* found = find_isa(usable, before);
  if (found == nullptr) {
    const std::string best(usable.back().name);
    throw ConfigError("the file's runs were trained by instruction set '" + std::string(before) +
                      "' (this program or a processor has " + join(names_of(usable), ", ") +
                      " alone, which rounds the last digits otherwise); go on with --isa " + best +
                      " if that does not matter, or where there is " + std::string(before));
  }
  return *found;
}

std::string isa_note(std::string_view name) {
  return std::string(note_begin) + std::string(name) + ")";
}

std::vector<std::string_view> isas_of(std::string_view agents) {
  std::vector<std::string_view> names;
  for (std::size_t begin = agents.find(note_begin); begin != std::string_view::npos; begin = agents.find(note_begin)) {
    agents.remove_prefix(begin + note_begin.size());
    const std::string_view name = agents.substr(0, agents.find(')'));
    if (std::ranges::find(names, name) == names.end()) {
      names.push_back(name);
    }
  }
  return names;
}

std::string_view isa_of(std::string_view agents) {
  const std::size_t begin = agents.rfind(note_begin);
  if (begin == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = agents.substr(begin + note_begin.size());
  return rest.substr(0, rest.find(')'));
}

}  // namespace fasweep::cli
