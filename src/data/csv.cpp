#include "data/csv.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

#include "data/file_format.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

using Fields = std::vector<std::string_view>;

[[noreturn]] void reject_csv(const std::string& origin, const std::string& why,
                             const std::string& advice =
                                 "write a line a sample with the same count of finite numbers, "
                                 "commas, semicolons or tabs between them") {
  throw ConfigError("table '" + origin + "' cannot be used (" + why + "); " + advice);
}

[[noreturn]] void reject_target(const std::string& target, const std::string& why, const std::string& advice) {
  throw ConfigError("key 'data.target' = '" + target + "' is not accepted (" + why + "); " + advice);
}

std::string column_of(std::size_t position) {
  return "column " + std::to_string(position + 1);
}

/// The number a field holds, infinite and NaN too.
std::optional<double> parse_field(std::string_view field) {
  double value = 0;
  const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), value);
  return status == std::errc{} && end == field.data() + field.size() ? std::optional(value) : std::nullopt;
}

/// Where the first field of a line ends: its separator, or the end of the line; nothing if its quotation marks never
/// close.
std::optional<std::size_t> end_of_field(std::string_view line, char separator) {
  const std::size_t first = line.find_first_not_of(separator == '\t' ? " " : " \t");
  const bool is_quoted = first != std::string_view::npos && line[first] == '"';
  std::size_t at = 0;
  if (is_quoted) {
    at = first + 1;
    while (true) {
      at = line.find('"', at);
      if (at == std::string_view::npos) {
        return std::nullopt;
      }
      if (at + 1 == line.size() || line[at + 1] != '"') {
        break;
      }
      at += 2;  // a mark within marks is written twice
    }
  }
  return std::min(line.find(separator, at), line.size());
}

/// A field without the quotation marks around it.
std::string_view unquote(std::string_view field) {
  field = trim(field);
  return field.size() >= 2 && field.front() == '"' && field.back() == '"' ? trim(field.substr(1, field.size() - 2))
                                                                          : field;
}

/// The fields of a line, or nothing if quotation marks do not close in it.
std::optional<Fields> split_line(std::string_view line, char separator) {
  Fields fields;
  while (true) {
    const std::optional<std::size_t> end = end_of_field(line, separator);
    if (!end) {
      return std::nullopt;
    }
    fields.push_back(unquote(line.substr(0, *end)));
    if (*end == line.size()) {
      return fields;
    }
    line.remove_prefix(*end + 1);
  }
}

/// Commas if the line is all numbers with commas between them; else what it has of semicolons, tabs and commas.
char find_separator(std::string_view line) {
  const std::optional<Fields> fields = split_line(line, ',');
  const bool has_commas = line.find(',') != std::string_view::npos;
  if (has_commas && fields && std::all_of(fields->begin(), fields->end(), parse_field)) {
    return ',';
  }
  for (const char separator : {';', '\t'}) {
    if (line.find(separator) != std::string_view::npos) {
      return separator;
    }
  }
  return ',';
}

bool is_one_of(std::string_view text, std::span<const std::string_view> words) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(words.begin(), words.end(), lower) != words.end();
}

/// How programs write that a value is missing.
bool is_missing_value(std::string_view field) {
  constexpr std::array<std::string_view, 9> markers{"", "na", "n/a", "nan", "null", "none", "?", "-", "missing"};
  return is_one_of(field, markers);
}

/// What people call the column of labels.
bool is_target_name(std::string_view name) {
  constexpr std::array<std::string_view, 7> names{"label", "labels", "target", "targets", "class", "classes", "y"};
  return is_one_of(name, names);
}

/// 0, 1, 2, ... as programs number columns, that of an index perhaps left empty.
bool numbers_columns(const Fields& fields) {
  const std::size_t first = fields.front().empty() ? 1 : 0;
  for (std::size_t i = first; i < fields.size(); ++i) {
    if (parse_integer(fields[i]) != static_cast<std::int64_t>(i - first)) {
      return false;
    }
  }
  return fields.size() - first >= 2;
}

/// A number that has a comma where a point belongs.
bool has_decimal_comma(std::string_view field) {
  std::string text(field);
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos) {
    return false;
  }
  text[comma] = '.';
  return parse_real(text).has_value();
}

/// A field as a message can hold it.
std::string shown(std::string_view field) {
  constexpr std::size_t most = 40;
  return "'" + printable(field.substr(0, most)) + (field.size() > most ? "..." : "") + "'";
}

std::string list_names(const Fields& names) {
  constexpr std::size_t most_listed = 20;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), most_listed); ++i) {
    list += (i == 0 ? "" : ", ") + printable(names[i]);
  }
  return names.size() > most_listed ? list + ", ... " + printable(names.back()) : list;
}

/// The columns that data.target names, of a table with these names, or without any.
class TargetFinder {
 public:
  TargetFinder(const CsvReading& reading, const Fields& names, std::size_t columns, const std::string& origin)
      : reading_(reading), names_(names), columns_(columns), origin_(origin) {}

  [[nodiscard]] std::vector<std::size_t> find() const {
    if (reading_.target == automatic_target || reading_.target == "last") {
      return find_last();
    }
    std::vector<std::size_t> found;
    for (const std::string_view item : split(reading_.target, ',')) {
      const std::size_t position = find_item(item);
      if (std::find(found.begin(), found.end(), position) != found.end()) {
        reject_target(reading_.target, column_of(position) + " is given twice", "write each column once");
      }
      found.push_back(position);
    }
    return found;
  }

 private:
  [[nodiscard]] std::vector<std::size_t> find_last() const {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < static_cast<std::size_t>(reading_.targets) && i < columns_; ++i) {
      found.insert(found.begin(), columns_ - 1 - i);
    }
    const auto is_named = [&](std::size_t position) { return is_target_name(names_[position]); };
    const bool could_be_others = reading_.target == automatic_target && !reading_.is_known && !names_.empty() &&
                                 std::none_of(found.begin(), found.end(), is_named);
    for (std::size_t position = 0; could_be_others && position < columns_; ++position) {
      if (is_named(position)) {
        reject_csv(origin_,
                   column_of(position) + " is called " + shown(names_[position]) + ", the last one " +
                       shown(names_.back()) + ", and one of them is the target",
                   "set data.target = " + printable(names_[position]) + ", or data.target = last");
      }
    }
    return found;
  }

  [[nodiscard]] std::size_t find_item(std::string_view item) const {
    const bool is_quoted = item.size() >= 2 && item.front() == '"' && item.back() == '"';
    const std::optional<std::int64_t> number = is_quoted ? std::nullopt : parse_integer(item);
    return number ? find_number(*number, item) : find_name(unquote(item));
  }

  [[nodiscard]] std::size_t find_number(std::int64_t number, std::string_view item) const {
    if (number < 1 || number > static_cast<std::int64_t>(columns_)) {
      reject_target(reading_.target, "'" + origin_ + "' has columns 1.." + std::to_string(columns_),
                    "write one of them");
    }
    const auto position = static_cast<std::size_t>(number - 1);
    for (std::size_t other = 0; other < names_.size(); ++other) {
      if (names_[other] == item && other != position) {
        reject_target(reading_.target,
                      column_of(other) + " of '" + origin_ + "' is called '" + std::string(item) + "', column " +
                          std::string(item) + " " + shown(names_[position]),
                      "write the name in quotation marks, \"" + std::string(item) + "\" or \"" +
                          printable(names_[position]) + "\"");
      }
    }
    return position;
  }

  [[nodiscard]] std::size_t find_name(std::string_view name) const {
    if (names_.empty()) {
      reject_target(reading_.target, "'" + origin_ + "' has no names",
                    "write the number of a column, 1.." + std::to_string(columns_) +
                        ", or data.header = yes if the first line holds names");
    }
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      reject_target(reading_.target,
                    "'" + origin_ + "' has no column '" + std::string(name) + "'" + suggest(name, names_),
                    "write one of " + list_names(names_) + ", or the number of a column");
    }
    if (std::find(found + 1, names_.end(), name) != names_.end()) {
      reject_target(reading_.target, "'" + origin_ + "' has several columns of this name",
                    "write the number of the column");
    }
    return static_cast<std::size_t>(found - names_.begin());
  }

  const CsvReading& reading_;
  const Fields& names_;
  std::size_t columns_;
  const std::string& origin_;
};

class TableReader {
 public:
  TableReader(const CsvReading& reading, char separator, const std::string& origin)
      : reading_(reading), separator_(separator) {
    samples_.origin = origin;
  }

  void add_line(std::string_view text) {
    ++line_;
    const std::optional<Fields> fields = split_line(text, separator_);
    if (!fields) {
      reject_csv(samples_.origin, "quotation marks do not close in line " + std::to_string(line_));
    }
    if (line_ == 1) {
      const bool is_header = holds_names(*fields);
      take_columns(is_header ? *fields : Fields(), fields->size());
      if (is_header) {
        return;
      }
    }
    if (fields->size() != target_of_column_.size()) {
      reject_csv(samples_.origin, "line " + std::to_string(line_) + " has " + std::to_string(fields->size()) +
                                      " columns, line 1 has " + std::to_string(target_of_column_.size()));
    }
    if (++samples_.rows > max_samples) {
      reject_csv(samples_.origin, "more than " + std::to_string(max_samples) + " samples");
    }
    const std::size_t first_target = samples_.y.size();
    samples_.y.resize(first_target + static_cast<std::size_t>(samples_.targets));
    for (std::size_t column = 0; column < fields->size(); ++column) {
      const double value = read_number((*fields)[column], column);
      if (target_of_column_[column] < 0) {
        samples_.x.push_back(value);
      } else {
        samples_.y[first_target + static_cast<std::size_t>(target_of_column_[column])] = value;
      }
    }
  }

  [[nodiscard]] Samples<double> take() {
    if (samples_.rows == 0) {
      reject_csv(samples_.origin, "it has no samples");
    }
    return std::move(samples_);
  }

 private:
  [[nodiscard]] bool holds_names(const Fields& fields) const {
    if (reading_.header != Header::automatic) {
      return reading_.header == Header::yes;
    }
    const auto is_number = [](std::string_view field) { return parse_field(field).has_value(); };
    const auto name = std::find_if_not(fields.begin(), fields.end(), is_number);
    const auto number = std::find_if(fields.begin(), fields.end(), is_number);
    if (reading_.is_known) {
      return number == fields.end();
    }
    const std::string advice = "set data.header = yes if the first line holds names, no if it is a sample";
    if (number == fields.end() && std::all_of(fields.begin(), fields.end(), is_missing_value)) {
      reject_csv(samples_.origin, "line 1 has only missing values, the first is " + shown(fields.front()), advice);
    }
    if (numbers_columns(fields)) {
      reject_csv(samples_.origin, "line 1 counts from 0, as programs number columns, and could be a sample too",
                 advice);
    }
    if (name != fields.end() && number != fields.end()) {
      reject_decimal_comma(*name, static_cast<std::size_t>(name - fields.begin()));
      const auto at = [&](Fields::const_iterator field) {
        return column_of(static_cast<std::size_t>(field - fields.begin())) + " is " + shown(*field);
      };
      reject_csv(samples_.origin, "line 1, " + at(name) + " and " + at(number) + ", a number",
                 is_missing_value(*name) ? advice + " and its missing value is filled in"
                                         : "set data.header = yes if the first line holds names, or correct it");
    }
    return number == fields.end();
  }

  void take_columns(const Fields& names, std::size_t columns) {
    const std::vector<std::size_t> targets = TargetFinder(reading_, names, columns, samples_.origin).find();
    samples_.targets = static_cast<std::int64_t>(targets.size());
    samples_.inputs = static_cast<std::int64_t>(columns) - samples_.targets;
    if (samples_.inputs < 1 || samples_.inputs > max_inputs) {
      reject_csv(samples_.origin, "it has " + std::to_string(columns) + (columns == 1 ? " column, " : " columns, ") +
                                      std::to_string(samples_.targets) + " of them targets, and needs 1.." +
                                      std::to_string(max_inputs) + " inputs");
    }
    target_of_column_.assign(columns, -1);
    for (std::size_t i = 0; i < targets.size(); ++i) {
      target_of_column_[targets[i]] = static_cast<std::int64_t>(i);
      samples_.reading += i == 0 ? (targets.size() == 1 ? "target " : "targets ") : ", ";
      samples_.reading +=
          names.empty() ? column_of(targets[i]) : shown(names[targets[i]]) + " (" + column_of(targets[i]) + ")";
    }
    samples_.reading += names.empty() ? ", no header" : "";
    for (std::size_t column = 0; column < names.size(); ++column) {
      if (target_of_column_[column] < 0) {
        samples_.input_names.push_back(printable(names[column]));
      }
    }
    if (!names.empty() && names.front().empty()) {
      samples_.doubts.emplace_back(
          "column 1 has no name, as columns that number the samples have (an index is not an input); leave the column "
          "out of the file");
    }
  }

  [[nodiscard]] double read_number(std::string_view field, std::size_t column) const {
    const std::optional<double> value = parse_real(field);
    if (value) {
      return *value;
    }
    reject_decimal_comma(field, column);
    reject_csv(samples_.origin, place_of(field, column) + (is_missing_value(field) ? ", a missing value and" : ",") +
                                    " not a finite number");
  }

  /// "line 3, column 2 is '4,5'".
  [[nodiscard]] std::string place_of(std::string_view field, std::size_t column) const {
    return "line " + std::to_string(line_) + ", " + column_of(column) + " is " + shown(field);
  }

  void reject_decimal_comma(std::string_view field, std::size_t column) const {
    if (has_decimal_comma(field)) {
      const std::string& file = samples_.origin;
      reject_csv(file, place_of(field, column) + ", a number with a decimal comma",
                 separator_ == ',' ? "write points: python3 -c \"import pandas; pandas.read_csv('" + file +
                                         "', decimal=',').to_csv('points.csv', index=False)\""
                                   : "write points: tr , . < '" + file + "' > points.csv");
    }
  }

  const CsvReading& reading_;
  char separator_;
  Samples<double> samples_;
  std::vector<std::int64_t> target_of_column_;  // which of the targets a column is; -1: an input
  std::int64_t line_ = 0;
};

std::string_view first_line(std::string_view text) {
  return text.substr(0, text.find('\n'));
}

/// Separators that are none of a table's, by their name.
void refuse_other_separators(std::string_view line, const std::string& origin) {
  const std::string_view text = trim(line);
  if (text.find_first_of(",;\t") != std::string_view::npos || text.find(' ') == std::string_view::npos) {
    return;
  }
  if (const std::string_view pair = text.substr(text.rfind(' ') + 1); pair.find(':') != std::string_view::npos) {
    reject_csv(origin, "it is a libsvm table of pairs input:value",
               "write all inputs: python3 -c \"import numpy, sklearn.datasets as s; x, y = s.load_svmlight_file('" +
                   origin + "'); numpy.savetxt('table.csv', numpy.column_stack([x.toarray(), y]), delimiter=',')\"");
  }
  reject_csv(origin, "its columns are separated by spaces", "write commas: tr -s ' ' , < '" + origin + "' > table.csv");
}

}  // namespace

Samples<double> parse_csv(std::string_view text, const CsvReading& reading, const std::string& origin) {
  refuse_foreign({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, FileFormat::text, origin);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // spreadsheets write it
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  const std::string_view head = first_line(text);
  refuse_other_separators(head, origin);
  const std::string_view second = head.size() < text.size() ? first_line(text.substr(head.size() + 1)) : "";
  TableReader reader(reading, find_separator(trim(second).empty() ? head : second), origin);
  while (!text.empty()) {
    const std::string_view line = first_line(text);
    reader.add_line(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return reader.take();
}

}  // namespace fasweep
