// Values that follow from other values of the same run: `step-size = 0.1 / p`. The home of muParser.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fasweep {

/// What a formula may hold, for help and error messages.
inline constexpr std::string_view formula_grammar =
    "numbers, + - * / ^ ( ), sqrt, log (natural), exp, min(a,b), max(a,b), round, floor";

/// Value of a variable by its name.
using VariableValue = std::function<double(std::string_view name)>;

/// Names in the formula that are not functions, each once, in alphabetical order. A name may hold hyphens if it is one
/// of `known`. Throws ConfigError with what is wrong with the formula, the caller adds the key.
[[nodiscard]] std::vector<std::string> variables_of(std::string_view formula,
                                                    const std::vector<std::string_view>& known);

/// The formula's value, rounded to 15 significant digits (round_value). Throws ConfigError if it is not finite.
[[nodiscard]] double evaluate(std::string_view formula, const std::vector<std::string_view>& known,
                              const VariableValue& value_of);

/// The number a person would write: whole numbers as they are, others rounded to 15 significant digits, so that the
/// rounding errors of a formula do not make another run of it.
[[nodiscard]] double round_value(double value);

}  // namespace fasweep
