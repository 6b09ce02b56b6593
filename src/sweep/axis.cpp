#include "sweep/axis.hpp"

#include <cmath>
#include <optional>

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

/// "i..j", or nothing if there is no "..".
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
  if (range.first < -limit || range.last > limit || range.last - range.first >= max_axis_values) {
    reject(item, "has too many values (at most " + std::to_string(max_axis_values) + ")");
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
  if (count < 1 || count > max_axis_values) {
    reject(item, "has a count that is not between 1 and " + std::to_string(max_axis_values));
  }
  if (logarithmic && (first <= 0 || last <= 0)) {
    reject(item, "has an end that is not positive");
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double share = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    const bool at_end = i > 0 && i == count - 1;  // the ends are exact
    const double between = logarithmic ? first * std::pow(last / first, share) : first + (last - first) * share;
    values.push_back(i == 0 ? first : at_end ? last : between);
  }
}

/// "a*B^i..j" or "a*B^i" or "B^i..j".
void append_powers(std::string_view item, std::vector<double>& values) {
  const std::size_t star = item.find('*');
  const double factor = star == std::string_view::npos ? 1 : read_real(trim(item.substr(0, star)), item);
  const std::string_view power = star == std::string_view::npos ? item : item.substr(star + 1);
  const std::size_t hat = power.find('^');
  if (hat == std::string_view::npos) {
    reject(item, "is not a number (products are written a*2^i..j)");
  }
  const double base = read_real(trim(power.substr(0, hat)), item);
  const std::string_view exponent = trim(power.substr(hat + 1));
  const IntegerRange range =
      read_range(exponent, item)
          .value_or(IntegerRange{exponent.find("..") == std::string_view::npos ? read_integer(exponent, item) : 0, 0});
  const std::int64_t last = exponent.find("..") == std::string_view::npos ? range.first : range.last;
  for (std::int64_t i = range.first; i <= last; ++i) {
    values.push_back(factor * std::pow(base, static_cast<double>(i)));
    if (!std::isfinite(values.back())) {
      reject(item, "overflows");
    }
  }
}

void append_item(std::string_view item, std::vector<double>& values) {
  const std::optional<Call> call = parse_call(item);
  if (!call || item.empty()) {
    reject(item, "is not a value");
  }
  if (call->name == "linspace" || call->name == "logspace") {
    append_spaced(*call, item, values);
  } else if (item.find_first_of("*^") != std::string_view::npos) {
    append_powers(item, values);
  } else if (const std::optional<IntegerRange> range = read_range(item, item)) {
    for (std::int64_t i = range->first; i <= range->last; ++i) {
      values.push_back(static_cast<double>(i));
    }
  } else {
    values.push_back(read_real(item, item));
  }
}

template <class Number, class Format>
std::string format_values(std::span<const Number> values, Format format) {
  std::string text;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t end = i + 1;
    const bool whole = values[i] == static_cast<Number>(static_cast<std::int64_t>(values[i]));
    while (whole && end < values.size() && values[end] == values[end - 1] + 1) {
      ++end;
    }
    text += text.empty() ? "" : ", ";
    if (end - i >= 3) {
      text += format(values[i]) + ".." + format(values[end - 1]);
    } else {
      end = i + 1;
      text += format(values[i]);
    }
    i = end;
  }
  return text;
}

}  // namespace

std::vector<double> parse_real_axis(std::string_view text) {
  if (trim(text).empty()) {
    throw ConfigError("the axis is empty");
  }
  std::vector<double> values;
  for (const std::string_view item : split(text, ',')) {
    append_item(item, values);
    if (static_cast<std::int64_t>(values.size()) > max_axis_values) {
      reject(item, "makes the axis too long (at most " + std::to_string(max_axis_values) + " values)");
    }
  }
  return values;
}

std::vector<std::int64_t> parse_integer_axis(std::string_view text) {
  if (trim(text).empty()) {
    throw ConfigError("the axis is empty");
  }
  std::vector<std::int64_t> values;
  std::vector<double> reals;
  for (const std::string_view item : split(text, ',')) {
    reals.clear();
    append_item(item, reals);
    const bool rounds = item.find('(') != std::string_view::npos;
    for (const double real : reals) {
      const double nearest = std::round(real);
      if (std::abs(nearest) > 0x1p53 || (!rounds && nearest != real)) {
        reject(item, "gives " + format_real(real) + ", which is not a whole number within 2^53");
      }
      values.push_back(static_cast<std::int64_t>(nearest));
    }
    if (static_cast<std::int64_t>(values.size()) > max_axis_values) {
      reject(item, "makes the axis too long (at most " + std::to_string(max_axis_values) + " values)");
    }
  }
  return values;
}

std::string format_axis(std::span<const double> values) {
  return format_values(values, [](double v) { return format_real(v); });
}

std::string format_axis(std::span<const std::int64_t> values) {
  return format_values(values, [](std::int64_t v) { return std::to_string(v); });
}

}  // namespace fasweep
