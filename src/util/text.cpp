#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <utility>

namespace fasweep {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

std::string_view trim(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (text[i] == separator && depth == 0) {
      parts.push_back(trim(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  parts.push_back(trim(text.substr(begin)));
  return parts;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_number<std::int64_t>(text);
}

std::optional<double> parse_real(std::string_view text) {
  const std::optional<double> value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string format_real(double value) {
  std::array<char, 32> buffer{};
  const auto [end, status] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), status == std::errc{} ? end : buffer.data()};
}

std::string join(std::span<const std::string_view> parts, std::string_view separator) {
  std::string result;
  for (const std::string_view part : parts) {
    if (!result.empty()) {
      result += separator;
    }
    result += part;
  }
  return result;
}

std::optional<Call> parse_call(std::string_view text) {
  text = trim(text);
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos) {
    return text.find(')') == std::string_view::npos ? std::optional(Call{text, {}}) : std::nullopt;
  }
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (depth < 0 || (depth == 0 && i + 1 < text.size())) {
      return std::nullopt;
    }
  }
  if (depth != 0) {
    return std::nullopt;
  }
  return Call{trim(text.substr(0, open)), split(text.substr(open + 1, text.size() - open - 2), ',')};
}

std::string expand_home(std::string path) {
  const char* home = std::getenv("HOME");
  return home != nullptr && path.starts_with("~/") ? path.replace(0, 1, home) : path;
}

std::string csv_cell(std::string_view text) {
  const bool needs_quotes = text.find(',') != std::string_view::npos;
  return needs_quotes ? "\"" + std::string(text) + "\"" : std::string(text);
}

std::string printable(std::string_view text) {
  std::string result;
  const auto byte_at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  // U+0080 to U+009F, which terminals obey too, are 0xc2 and one of 0x80 to 0x9f in UTF-8.
  const auto begins_control = [&](std::size_t i) {
    return byte_at(i) == 0xc2 && byte_at(i + 1) >= 0x80 && byte_at(i + 1) < 0xa0;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned byte = byte_at(i);
    if (byte < ' ' || byte == 0x7f || begins_control(i) || (i > 0 && begins_control(i - 1))) {
      result += {'\\', 'x', "0123456789abcdef"[byte / 16], "0123456789abcdef"[byte % 16]};
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string presentable(std::string_view message) {
  constexpr std::size_t most = 3000;
  constexpr std::size_t kept_at_the_end = 1000;  // where a message says what to do
  const auto is_inside_character = [&](std::size_t i) {
    return (static_cast<unsigned char>(message[i]) & 0xc0U) == 0x80;
  };
  std::string shortened;
  if (message.size() > most) {
    std::size_t head = most - kept_at_the_end;
    std::size_t tail = message.size() - kept_at_the_end;
    for (int i = 0; i < 3 && is_inside_character(head); ++i) {
      --head;
    }
    for (int i = 0; i < 3 && is_inside_character(tail); ++i) {
      ++tail;
    }
    shortened = std::string(message.substr(0, head)) + " [... " + std::to_string(tail - head) +
                " bytes left out ...] " + std::string(message.substr(tail));
    message = shortened;
  }
  std::string result;
  for (std::size_t begin = 0; begin <= message.size();) {
    const std::size_t end = std::min(message.find('\n', begin), message.size());
    result += (begin == 0 ? "" : "\n") + printable(message.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // of the prefix of a so far against each prefix of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

std::string_view nearest_name(std::string_view name, std::span<const std::string_view> names) {
  const auto nearest = std::min_element(names.begin(), names.end(), [&](std::string_view a, std::string_view b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  const std::size_t most = std::max<std::size_t>(1, name.size() / 3);
  return nearest != names.end() && edit_distance(name, *nearest) <= most ? *nearest : std::string_view();
}

std::string suggest(std::string_view name, std::span<const std::string_view> names) {
  const std::string_view nearest = nearest_name(name, names);
  return nearest.empty() ? "" : "; did you mean '" + std::string(nearest) + "'?";
}

std::uint64_t stable_hash(std::string_view text, std::uint64_t start) {
  std::uint64_t hash = start;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  return hash;
}

std::string format_hash(std::uint64_t hash) {
  std::string digits(16, '0');
  for (std::size_t i = digits.size(); i-- > 0; hash >>= 4U) {
    digits[i] = "0123456789abcdef"[hash & 15U];
  }
  return digits;
}

std::string format_checksum(std::uint32_t checksum) {
  return format_hash(checksum).substr(8);
}

std::optional<std::uint32_t> parse_checksum(std::string_view text) {
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return format_checksum(value) == text ? std::optional(value) : std::nullopt;
}

}  // namespace fasweep
