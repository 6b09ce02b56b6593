#include "sweep/formula.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <memory>
#include <unordered_map>

#include <muParser.h>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// A formula ready to be evaluated: the parser reads the variables where they lie.
struct Compiled {
  mu::Parser parser;
  std::vector<std::string> names;
  std::vector<double> values;
};

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// muParser would read step-size as a difference: known names get an underscore instead.
std::string spell_for_parser(std::string_view formula, const std::vector<std::string_view>& known) {
  std::string text(formula);
  for (const std::string_view name : known) {
    if (name.find('-') == std::string_view::npos) {
      continue;
    }
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
      const bool whole = (at == 0 || !is_name_character(text[at - 1])) &&
                         (at + name.size() == text.size() || !is_name_character(text[at + name.size()]));
      if (whole) {
        std::replace(text.begin() + static_cast<std::ptrdiff_t>(at),
                     text.begin() + static_cast<std::ptrdiff_t>(at + name.size()), '-', '_');
      }
    }
  }
  return text;
}

std::string name_of_variable(const std::string& spelled, const std::vector<std::string_view>& known) {
  for (const std::string_view name : known) {
    std::string other(name);
    std::replace(other.begin(), other.end(), '-', '_');
    if (other == spelled) {
      return std::string(name);
    }
  }
  return spelled;
}

void define_functions(mu::Parser& parser) {
  parser.ClearFun();
  parser.ClearConst();
  parser.DefineFun(
      "sqrt", +[](double x) { return std::sqrt(x); });
  parser.DefineFun(
      "log", +[](double x) { return std::log(x); });
  parser.DefineFun(
      "exp", +[](double x) { return std::exp(x); });
  parser.DefineFun(
      "round", +[](double x) { return std::round(x); });
  parser.DefineFun(
      "floor", +[](double x) { return std::floor(x); });
  parser.DefineFun(
      "min", +[](double a, double b) { return std::min(a, b); });
  parser.DefineFun(
      "max", +[](double a, double b) { return std::max(a, b); });
}

std::unique_ptr<Compiled> compile(std::string_view formula, const std::vector<std::string_view>& known) {
  auto compiled = std::make_unique<Compiled>();
  define_functions(compiled->parser);
  try {
    compiled->parser.SetExpr(spell_for_parser(formula, known));
    for (const auto& [name, unused] : compiled->parser.GetUsedVar()) {
      compiled->names.push_back(name);
    }
    compiled->values.resize(compiled->names.size());
    for (std::size_t i = 0; i < compiled->names.size(); ++i) {
      compiled->parser.DefineVar(compiled->names[i], &compiled->values[i]);
    }
    for (std::string& name : compiled->names) {
      name = name_of_variable(name, known);
    }
    static_cast<void>(compiled->parser.Eval());  // finds what is wrong with the syntax
  } catch (const mu::ParserError& error) {
    std::string why = error.GetMsg();
    std::replace(why.begin(), why.end(), '"', '\'');
    throw ConfigError("'" + std::string(formula) + "' is neither a value nor a formula (" + why + "; a formula holds " +
                      std::string(formula_grammar) + ")");
  }
  return compiled;
}

/// Compiled once per thread: a plan evaluates the same few formulas for every run, and parsers cannot be shared.
Compiled& compiled(std::string_view formula, const std::vector<std::string_view>& known) {
  thread_local std::unordered_map<std::string, std::unique_ptr<Compiled>> cache;
  std::unique_ptr<Compiled>& entry = cache[std::string(formula)];
  if (!entry) {
    entry = compile(formula, known);
  }
  return *entry;
}

}  // namespace

std::vector<std::string> variables_of(std::string_view formula, const std::vector<std::string_view>& known) {
  std::vector<std::string> names = compile(formula, known)->names;
  std::sort(names.begin(), names.end());
  return names;
}

double evaluate(std::string_view formula, const std::vector<std::string_view>& known, const VariableValue& value_of) {
  Compiled& ready = compiled(formula, known);
  for (std::size_t i = 0; i < ready.names.size(); ++i) {
    ready.values[i] = value_of(ready.names[i]);
  }
  const double value = ready.parser.Eval();
  if (!std::isfinite(value)) {
    throw ConfigError("'" + std::string(formula) + "' gives " + format_real(value) + ", which is not a finite number");
  }
  return round_value(value);
}

double round_value(double value) {
  if (value == std::round(value) && std::abs(value) <= 0x1p53) {
    return value;
  }
  constexpr int digits = 15;
  std::array<char, 32> text{};
  const auto [end, status] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific, digits - 1);
  double rounded = value;
  if (status == std::errc{}) {
    std::from_chars(text.data(), end, rounded);
  }
  return rounded;
}

}  // namespace fasweep
