#include "sweep/job_text.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// Characters that look like a blank or like nothing, in UTF-8.
struct Lookalike {
  std::string_view bytes;
  std::string_view name;
};
constexpr std::array<Lookalike, 8> lookalikes{{{"\xc2\xa0", "a no-break space, U+00A0"},
                                               {"\xe2\x80\x87", "a figure space, U+2007"},
                                               {"\xe2\x80\x89", "a thin space, U+2009"},
                                               {"\xe2\x80\xaf", "a narrow no-break space, U+202F"},
                                               {"\xe3\x80\x80", "an ideographic space, U+3000"},
                                               {"\xe2\x80\x8b", "a zero-width space, U+200B"},
                                               {"\xe2\x81\xa0", "a word joiner, U+2060"},
                                               {"\xef\xbb\xbf", "a byte order mark, U+FEFF"}}};

/// Refuses one line, or the text as a whole.
class Refusal {
 public:
  explicit Refusal(std::string_view origin) : origin_(origin) {}

  void begin_line() { ++line_; }

  [[noreturn]] void text(std::string_view why) const {
    throw ConfigError("job text '" + std::string(origin_) + "' cannot be read (" + std::string(why) +
                      "); a job file is UTF-8 text: " + std::string(job_syntax));
  }
  [[noreturn]] void line(std::string_view line, std::string_view why) const {
    constexpr std::size_t most = 200;
    text("line " + std::to_string(line_) + ", '" + std::string(line.substr(0, most)) +
         (line.size() > most ? "...', " : "', ") + std::string(why));
  }

 private:
  std::string_view origin_;
  int line_ = 0;
};

void refuse_foreign(std::string_view text, const Refusal& refusal) {
  if (text.starts_with("\x89HDF")) {
    refusal.text("it is an HDF5 file, as results are");
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    refusal.text("it is UTF-16");
  }
  if (text.find('\0') != std::string_view::npos) {
    refusal.text("it is not text");
  }
}

/// The line with another character in place of each that stands in quotation marks, as a value has them or the items
/// of its list.
std::string hide_quoted(std::string_view line) {
  std::string result(line);
  bool may_open = false;  // a value or an item begins
  for (std::size_t i = 0; i < line.size(); ++i) {
    const std::size_t close = line[i] == '"' && may_open ? line.find('"', i + 1) : std::string_view::npos;
    if (close != std::string_view::npos) {
      std::fill_n(result.begin() + static_cast<std::ptrdiff_t>(i), close - i + 1, '"');
      i = close;
    }
    may_open = line[i] == '=' || line[i] == ',' || (may_open && (line[i] == ' ' || line[i] == '\t'));
  }
  return result;
}

/// Where a comment begins: at a '#' that begins the line or follows a blank.
std::size_t find_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return i;
    }
  }
  return line.size();
}

void refuse_lookalikes(std::string_view unquoted, std::string_view line, const Refusal& refusal) {
  for (const Lookalike& lookalike : lookalikes) {
    if (unquoted.find(lookalike.bytes) != std::string_view::npos) {
      refusal.line(line, "has " + std::string(lookalike.name) + ", where a plain space or nothing is meant");
    }
  }
}

/// What a line that begins a section calls it, or nothing.
std::optional<std::string_view> section_of(std::string_view line) {
  if (line.size() < 2 || line.front() != '[' || line.back() != ']') {
    return std::nullopt;
  }
  return trim(line.substr(1, line.size() - 2));
}

std::pair<std::string, std::string> read_key_value(std::string_view line, const std::string& section,
                                                   const Refusal& refusal) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    refusal.line(line, line.starts_with(';') ? "does not belong in a job file, whose comments begin with #"
                                             : "is neither a [section] nor key = value nor a # comment");
  }
  return {section + std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1)))};
}

}  // namespace

JobText read_job_text(std::string_view text, std::string_view origin) {
  Refusal refusal(origin);
  refuse_foreign(text, refusal);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  text.remove_prefix(text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0);
  JobText result;
  std::string section;  // with a dot at its end
  KeyValues* values = &result.shared;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view whole = text.substr(begin, end - begin);
    begin = end + 1;
    refusal.begin_line();
    const std::string unquoted = hide_quoted(whole);
    const std::size_t length = find_comment(unquoted);
    const std::string_view line = trim(whole.substr(0, length));
    refuse_lookalikes(std::string_view(unquoted).substr(0, length), line, refusal);
    if (const std::optional<std::string_view> name = section_of(line)) {
      section = std::string(*name) + ".";
      values = *name == "grid" ? &result.grids.emplace_back() : &result.shared;
    } else if (!line.empty()) {
      values->push_back(read_key_value(line, section, refusal));
    }
  }
  return result;
}

bool reads_back(std::string_view value) {
  try {
    const KeyValues read = read_job_text("key = " + std::string(value), "").shared;
    return read.size() == 1 && read.front().second == value;
  } catch (const ConfigError&) {
    return false;
  }
}

std::string read_quoted(std::string_view value) {
  const bool is_quoted = value.size() >= 2 && value.front() == '"' && value.find('"', 1) == value.size() - 1;
  return std::string(is_quoted ? value.substr(1, value.size() - 2) : value);
}

std::string write_quoted(std::string_view value) {
  return value.find('"') == std::string_view::npos ? "\"" + std::string(value) + "\"" : std::string(value);
}

}  // namespace fasweep
