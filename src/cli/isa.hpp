// Which of the program's instruction sets trains: what --isa says, or else the one that trained the file so far, or
// else the best that every rank's processor has. One for all ranks: a run's bits must not depend on who trains it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/cpu/instruction_set.hpp"
#include "cli/arguments.hpp"

namespace fasweep::cli {

/// --isa, and so FASWEEP_ISA.
void add_isa_option(ArgumentGrammar& grammar);

/// What it says: the name of an instruction set of this build, or nothing for `auto`. Throws ConfigError.
[[nodiscard]] std::string read_isa(const program_options::variables_map& values);

/// Those of instruction_sets() that this processor has: some of the first.
[[nodiscard]] std::span<const InstructionSet> isas_here();

/// Of those that can be used, the wanted one, or the best if none is. Throws ConfigError if it cannot be used.
[[nodiscard]] const InstructionSet& choose_isa(std::span<const InstructionSet> usable, std::string_view wanted);

/// The same for a sweep whose results so far are by the instruction set `before`, which it keeps; before: empty if not
/// known. Throws ConfigError if it cannot and none is wanted.
[[nodiscard]] const InstructionSet& choose_isa(std::span<const InstructionSet> usable, std::string_view wanted,
                                               std::string_view before);

/// How the description of a rank, in a file's provenance, names the instruction set.
[[nodiscard]] std::string isa_note(std::string_view name);

/// Those that a file's ranks noted, each once, in the order in which they came; none in files of version 0.1.
[[nodiscard]] std::vector<std::string_view> isas_of(std::string_view agents);

/// The one that the last of them noted; empty if there is none.
[[nodiscard]] std::string_view isa_of(std::string_view agents);

}  // namespace fasweep::cli
