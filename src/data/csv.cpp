#include "data/csv.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

[[noreturn]] void reject_csv(const std::string& origin, const std::string& why) {
  throw ConfigError("table '" + origin + "' cannot be used (" + why +
                    "); write a line a sample with the same count of finite numbers, commas between them");
}

/// The number a field holds, infinite and NaN too.
std::optional<double> parse_field(std::string_view field) {
  double value = 0;
  const auto [end, status] = std::from_chars(field.data(), field.data() + field.size(), value);
  return status == std::errc{} && end == field.data() + field.size() ? std::optional(value) : std::nullopt;
}

std::vector<std::string_view> split_line(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(trim(line.substr(0, comma)));
    if (comma == std::string_view::npos) {
      return fields;
    }
    line.remove_prefix(comma + 1);
  }
}

bool is_header(const std::vector<std::string_view>& fields) {
  return std::none_of(fields.begin(), fields.end(), [](std::string_view field) { return parse_field(field); });
}

class TableReader {
 public:
  TableReader(std::int64_t targets, const std::string& origin) {
    samples_.targets = targets;
    samples_.origin = origin;
  }

  void add_line(std::string_view text) {
    ++line_;
    const std::vector<std::string_view> fields = split_line(text);
    const auto columns = static_cast<std::int64_t>(fields.size());
    if (line_ == 1) {
      take_width(columns);
      if (is_header(fields)) {
        return;
      }
    }
    if (columns != samples_.inputs + samples_.targets) {
      reject_csv(samples_.origin, "line " + std::to_string(line_) + " has " + std::to_string(columns) +
                                      " columns, line 1 has " + std::to_string(samples_.inputs + samples_.targets));
    }
    if (++samples_.rows > max_samples) {
      reject_csv(samples_.origin, "more than " + std::to_string(max_samples) + " samples");
    }
    for (std::int64_t column = 0; column < columns; ++column) {
      const double value = read_number(fields[static_cast<std::size_t>(column)], column);
      (column < samples_.inputs ? samples_.x : samples_.y).push_back(value);
    }
  }

  [[nodiscard]] Samples<double> take() {
    if (samples_.rows == 0) {
      reject_csv(samples_.origin, "it has no samples");
    }
    return std::move(samples_);
  }

 private:
  void take_width(std::int64_t columns) {
    samples_.inputs = columns - samples_.targets;
    if (samples_.inputs < 1 || samples_.inputs > max_inputs) {
      reject_csv(samples_.origin, "it has " + std::to_string(columns) + " columns, the last " +
                                      std::to_string(samples_.targets) + " of them targets, and needs 1.." +
                                      std::to_string(max_inputs) + " inputs");
    }
  }

  [[nodiscard]] double read_number(std::string_view field, std::int64_t column) const {
    const std::optional<double> value = parse_real(field);
    if (!value) {
      reject_csv(samples_.origin, "line " + std::to_string(line_) + ", column " + std::to_string(column + 1) + " is '" +
                                      std::string(field.substr(0, 40)) + "', not a finite number");
    }
    return *value;
  }

  Samples<double> samples_;
  std::int64_t line_ = 0;
};

}  // namespace

Samples<double> parse_csv(std::string_view text, std::int64_t targets, const std::string& origin) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // spreadsheets write it
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  TableReader reader(targets, origin);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    reader.add_line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return reader.take();
}

}  // namespace fasweep
