#include "sweep/value_list.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sweep/formula.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

[[noreturn]] void reject(std::string_view item, std::string_view why) {
  throw ConfigError("'" + std::string(item) + "' " + std::string(why));
}

double read_real(std::string_view text, std::string_view item) {
  const std::optional<double> value = parse_real(text);
  if (!value) {
    reject(item, "holds '" + std::string(text) + "', which is not a finite number");
  }
  return *value;
}

std::int64_t read_integer(std::string_view text, std::string_view item) {
  const std::optional<std::int64_t> value = parse_integer(text);
  if (!value) {
    reject(item, "holds '" + std::string(text) + "', which is not a whole number");
  }
  return *value;
}

struct IntegerRange {
  std::int64_t first;
  std::int64_t last;
};

/// "i..j", or nullopt without "..".
std::optional<IntegerRange> read_range(std::string_view text, std::string_view item) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) {
    return std::nullopt;
  }
  const IntegerRange range{read_integer(trim(text.substr(0, dots)), item),
                           read_integer(trim(text.substr(dots + 2)), item)};
  if (range.last < range.first) {
    reject(item, "is empty (it ends before it begins)");
  }
  constexpr std::int64_t limit = std::int64_t{1} << 53U;
  if (range.first < -limit || range.last > limit || range.last - range.first >= max_list_values) {
    reject(item, "has too many values (at most " + std::to_string(max_list_values) + ")");
  }
  return range;
}

void append_spaced(const Call& call, std::string_view item, std::vector<double>& values) {
  if (call.arguments.size() != 3) {
    reject(item, "needs three arguments (first, last, count)");
  }
  const bool logarithmic = call.name == "logspace";
  double first = read_real(call.arguments[0], item);
  double last = read_real(call.arguments[1], item);
  const std::int64_t count = read_integer(call.arguments[2], item);
  if (count < 1 || count > max_list_values) {
    reject(item, "has a count that is not between 1 and " + std::to_string(max_list_values));
  }
  if (logarithmic && (first <= 0 || last <= 0)) {
    reject(item, "has an end that is not positive");
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    const bool at_end = i > 0 && i == count - 1;  // the ends are exact
    const double between = logarithmic ? first * std::pow(last / first, share) : first + (last - first) * share;
    values.push_back(i == 0 ? first : at_end ? last : round_value(between));
  }
}

/// "a*B^i..j" or "B^i..j".
void append_powers(std::string_view item, std::vector<double>& values) {
  const std::size_t star = item.find('*');
  const double factor = star == std::string_view::npos ? 1 : read_real(trim(item.substr(0, star)), item);
  const std::string_view power = star == std::string_view::npos ? item : item.substr(star + 1);
  const std::size_t hat = power.find('^');
  if (hat == std::string_view::npos) {
    reject(item, "is not a list of powers (they are written a*2^i..j)");
  }
  const double base = read_real(trim(power.substr(0, hat)), item);
  const IntegerRange range = *read_range(trim(power.substr(hat + 1)), item);
  for (std::int64_t i = range.first; i <= range.last; ++i) {
    values.push_back(round_value(factor * std::pow(base, static_cast<double>(i))));
    if (!std::isfinite(values.back())) {
      reject(item, "overflows");
    }
  }
}

/// Numbers of one item, or its formula.
std::optional<std::string> append_item(std::string_view item, const ReadWord& read_word, std::vector<double>& values) {
  if (item.empty()) {
    reject(item, "is not a value");
  }
  if (const std::optional<double> word = read_word ? read_word(item) : std::nullopt) {
    values.push_back(*word);
    return std::nullopt;
  }
  if (const std::optional<double> number = parse_real(item)) {
    values.push_back(*number);
    return std::nullopt;
  }
  const std::optional<Call> call = parse_call(item);
  if (call && (call->name == "linspace" || call->name == "logspace")) {
    append_spaced(*call, item, values);
  } else if (item.find("..") != std::string_view::npos && item.find('^') != std::string_view::npos) {
    append_powers(item, values);
  } else if (const std::optional<IntegerRange> range = read_range(item, item)) {
    for (std::int64_t i = range->first; i <= range->last; ++i) {
      values.push_back(static_cast<double>(i));
    }
  } else if (const std::vector<std::string> variables = variables_of(item, {}); variables.empty()) {
    values.push_back(evaluate(item, {}, {}));
  } else {
    values.push_back(std::numeric_limits<double>::quiet_NaN());
    return std::string(item);
  }
  return std::nullopt;
}

/// The nearest whole number, which `value` must be unless the item makes numbers between.
double round_to_whole(double value, std::string_view item) {
  const double nearest = std::round(value);
  const bool rounds = item.starts_with("linspace") || item.starts_with("logspace");
  if (std::abs(nearest) > 0x1p53 || (!rounds && nearest != value)) {
    reject(item, "gives " + format_real(value) + ", which is not a whole number within 2^53");
  }
  return nearest;
}

}  // namespace

ValueList parse_values(std::string_view text, NumberKind kind, const ReadWord& read_word) {
  if (trim(text).empty()) {
    throw ConfigError("the list is empty");
  }
  ValueList list;
  for (const std::string_view item : split(text, ',')) {
    const std::size_t first = list.numbers.size();
    if (std::optional<std::string> formula = append_item(item, read_word, list.numbers)) {
      list.formulas.emplace(static_cast<std::int64_t>(first), std::move(*formula));
      continue;
    }
    if (static_cast<std::int64_t>(list.numbers.size()) > max_list_values) {
      reject(item, "makes the list too long (at most " + std::to_string(max_list_values) + " values)");
    }
    if (kind == NumberKind::whole) {
      const auto begin = list.numbers.begin() + static_cast<std::ptrdiff_t>(first);
      std::transform(begin, list.numbers.end(), begin, [&](double value) { return round_to_whole(value, item); });
    }
  }
  return list;
}

std::string format_values(std::span<const double> numbers, const std::function<std::string(double)>& write) {
  constexpr std::size_t shortest_range = 3;
  std::string text;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    const bool whole = numbers[i] == std::round(numbers[i]) && std::abs(numbers[i]) < 0x1p53;
    while (whole && end < numbers.size() && numbers[end] == numbers[end - 1] + 1) {
      ++end;
    }
    const bool is_range = end - i >= shortest_range;
    text += text.empty() ? "" : ", ";
    text += is_range ? write(numbers[i]) + ".." + write(numbers[end - 1]) : write(numbers[i]);
    i = is_range ? end : i + 1;
  }
  return text;
}

bool are_one_value(double a, double b) {
  constexpr double relative = 1e-12;  // far above the rounding of a formula, far below what anyone would tell apart
  return a == b || std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

void reject_repeats(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::erase_if(sorted, [](double value) { return std::isnan(value); });
  std::sort(sorted.begin(), sorted.end());
  const auto repeated = std::adjacent_find(sorted.begin(), sorted.end(), are_one_value);
  if (repeated != sorted.end()) {
    throw ConfigError("the value " + format_real(*repeated) + " is given twice");
  }
}

}  // namespace fasweep
