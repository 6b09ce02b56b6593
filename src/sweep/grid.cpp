#include "sweep/grid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <span>

#include "sweep/formula.hpp"
#include "sweep/sampling.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view none = "none";
/// uniform(a, b) or loguniform(a, b).
bool is_range(std::string_view text) {
  return text.starts_with("uniform(") || text.starts_with("loguniform(");
}

/// Numbers of a range at points in (0, 1).
std::vector<double> spread(const Key& key, std::string_view range, std::span<const double> points) {
  const std::optional<Call> call = parse_call(range);
  const std::optional<double> first =
      call && call->arguments.size() == 2 ? parse_real(call->arguments[0]) : std::nullopt;
  const std::optional<double> last = first ? parse_real(call->arguments[1]) : std::nullopt;
  const bool logarithmic = call && call->name == "loguniform";
  if (!last || *first >= *last || (logarithmic && *first <= 0)) {
    throw ConfigError(
        refusal(key, range, "a range is uniform(a, b) or loguniform(a, b) with a < b, and 0 < a for the latter"));
  }
  std::vector<double> numbers;
  for (const double point : points) {
    const double value = logarithmic ? *first * std::pow(*last / *first, point) : *first + (*last - *first) * point;
    numbers.push_back(key.kind == KeyKind::whole ? std::round(value) : round_value(value));
  }
  return numbers;
}

/// The key that zip calls `name`: by its whole name, by the part after the section, or by its column.
const Key& key_in_zip(std::string_view name) {
  const auto& keys = all_keys();
  for (const Key& key : keys) {
    if (key.name == name || key.short_name() == name || (!key.column.empty() && key.column == name)) {
      return key;
    }
  }
  return find_key(name, "zip");
}

/// Where a dimension that this key is on belongs among those that decide the problem, or among the others: slow ones
/// first.
std::size_t rank_of(const Key& key) {
  const std::size_t keys = all_keys().size();
  if (key.name == "grid.activation" || key.name == "grid.rule") {
    return 0;
  }
  if (key.name == "grid.p") {
    return 1;
  }
  if (key.name == "grid.seed" || key.name == "grid.lambda") {
    return keys + 2;
  }
  return 2 + static_cast<std::size_t>(&key - all_keys().data());
}

}  // namespace

Grid::Grid(const KeyTexts& texts) {
  for (const auto& [key, text] : texts) {
    if (key->name == "grid.zip") {
      zip_ = text;
    } else if (key->name == "grid.sample") {
      sample_ = text;
    } else if (key->read || key->get) {
      add_axis(*key, text);
    }
  }
  sample_ranges(sample_);
  zip_axes(zip_);
  reject_repeated_values();
  sort_dimensions();
  order_axes();
  fold_formulas();
  tabulate_formulas();
}

double Grid::size() const {
  double size = 1;
  for (const Dimension& dimension : dimensions_) {
    size *= static_cast<double>(dimension.size);
  }
  return size;
}

void Grid::add_axis(const Key& key, std::string_view text) {
  Axis axis{.key = &key};
  if (is_range(text) && key.kind != KeyKind::call) {  // uniform(a) is also a law of weights
    if (!key.is_number()) {
      throw ConfigError(refusal(key, text, "only numbers have ranges"));
    }
    axis.range = text;
    dimensions_.push_back({{std::move(axis)}, 0});
    return;
  }
  if (key.kind == KeyKind::text) {
    const Axis* source = find_axis(key_called("data.source"));
    if (source == nullptr || source->numbers.size() == 1) {
      apply_value(key, text, base_);
      return;
    }
    axis.numbers = {nan};
    axis.formulas = {{0, std::string(text)}};
  } else {
    ValueList list = parse_list(key, text);
    axis.numbers = std::move(list.numbers);
    axis.formulas = std::move(list.formulas);
    if (axis.formulas.empty()) {
      for (const double number : axis.numbers) {
        Point scratch = base_;
        apply_number(key, number, scratch);  // throws now rather than for a run
      }
      apply_number(key, axis.numbers[0], base_);
    } else if (axis.numbers.size() == 1 && key.kind == KeyKind::call && keys_in_formula(key, text).empty()) {
      apply_value(key, text, base_);
      return;
    }
  }
  if (axis.numbers.size() > 1 || !axis.formulas.empty() || is_paper_axis(key)) {
    const auto size = static_cast<std::int64_t>(axis.numbers.size());
    dimensions_.push_back({{std::move(axis)}, size});
  }
}

void Grid::sample_ranges(std::string_view text) {
  Dimension sampled;
  std::erase_if(dimensions_, [&](Dimension& dimension) {
    const bool is_sampled = !dimension.axes[0].range.empty();
    if (is_sampled) {
      sampled.axes.push_back(std::move(dimension.axes[0]));
    }
    return is_sampled;
  });
  const Key& sample = key_called("grid.sample");
  if (text == none) {
    if (!sampled.axes.empty()) {
      throw ConfigError(refusal(*sampled.axes[0].key, sampled.axes[0].range,
                                "a range needs grid.sample, which says how many points are taken in it"));
    }
    return;
  }
  const std::optional<Call> call = parse_call(text);
  const std::optional<std::int64_t> count =
      call && call->arguments.size() == 1 ? parse_integer(call->arguments[0]) : std::nullopt;
  if (!count || *count < 1 || *count > max_sampled_points || (call->name != "sobol" && call->name != "random")) {
    throw ConfigError(refusal(sample, text, "a count from 1 to " + std::to_string(max_sampled_points) + " is missing"));
  }
  if (sampled.axes.empty()) {
    throw ConfigError(refusal(sample, text, "no key has a range"));
  }
  const int axes = static_cast<int>(sampled.axes.size());
  const auto points = call->name == "sobol" ? sobol_points(*count, axes) : random_points(*count, axes);
  for (std::size_t i = 0; i < sampled.axes.size(); ++i) {
    Axis& axis = sampled.axes[i];
    axis.numbers = spread(*axis.key, axis.range, points[i]);
    for (const double number : axis.numbers) {
      apply_number(*axis.key, number, base_);
    }
    apply_number(*axis.key, axis.numbers[0], base_);
  }
  sampled.size = *count;
  dimensions_.push_back(std::move(sampled));
}

void Grid::zip_axes(std::string_view text) {
  if (text == none) {
    return;
  }
  const Key& zip = key_called("grid.zip");
  for (const std::string_view group : split(text, ';')) {
    Dimension joined;
    for (const std::string_view name : split(group, ',')) {
      const Key& key = key_in_zip(name);
      const auto found = std::find_if(dimensions_.begin(), dimensions_.end(), [&](const Dimension& dimension) {
        return dimension.axes.size() == 1 && dimension.axes[0].key == &key && dimension.size > 1;
      });
      if (found == dimensions_.end()) {
        throw ConfigError(refusal(zip, text, "'" + std::string(name) + "' has no list of its own"));
      }
      if (!joined.axes.empty() && joined.size != found->size) {
        throw ConfigError(refusal(zip, text,
                                  "'" + std::string(joined.axes[0].key->short_name()) + "' has " +
                                      std::to_string(joined.size) + " values and '" + std::string(name) + "' " +
                                      std::to_string(found->size)));
      }
      joined.size = found->size;
      joined.axes.push_back(std::move(found->axes[0]));
      dimensions_.erase(found);
    }
    dimensions_.push_back(std::move(joined));
  }
}

/// Lists that advance with others may hold a value twice, and so may samples.
void Grid::reject_repeated_values() const {
  for (const Dimension& dimension : dimensions_) {
    const Axis& axis = dimension.axes[0];
    if (dimension.axes.size() > 1 || !axis.range.empty()) {
      continue;
    }
    with_refusal(*axis.key, write(*axis.key), [&] {
      reject_repeats(axis.numbers);
      std::set<std::string_view> formulas;
      for (const auto& [position, formula] : axis.formulas) {
        if (!formulas.insert(formula).second) {
          throw ConfigError("'" + formula + "' is given twice");
        }
      }
    });
  }
}

std::vector<const Key*> Grid::with_keys_in_formulas(std::vector<const Key*> keys) const {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Axis* axis = find_axis(*keys[i]);
    for (const auto& [position, formula] : axis == nullptr ? std::map<std::int64_t, std::string>() : axis->formulas) {
      for (const Key* used : keys_in_formula(*keys[i], formula)) {
        if (std::find(keys.begin(), keys.end(), used) == keys.end()) {
          keys.push_back(used);
        }
      }
    }
  }
  return keys;
}

std::vector<bool> Grid::dimensions_of(const std::vector<const Key*>& keys) const {
  const std::vector<const Key*> wanted = with_keys_in_formulas(keys);
  std::vector<bool> has;
  for (const Dimension& dimension : dimensions_) {
    has.push_back(std::any_of(dimension.axes.begin(), dimension.axes.end(), [&](const Axis& axis) {
      return std::find(wanted.begin(), wanted.end(), axis.key) != wanted.end();
    }));
  }
  return has;
}

void Grid::sort_dimensions() {
  std::vector<const Key*> shaping;
  for (const Key& key : all_keys()) {
    if (key.shapes_problem) {
      shaping.push_back(&key);
    }
  }
  const std::vector<bool> shapes = dimensions_of(shaping);
  const auto rank = [](const Dimension& dimension) {
    std::size_t least = std::numeric_limits<std::size_t>::max();
    for (const Axis& axis : dimension.axes) {
      least = std::min(least, rank_of(*axis.key));
    }
    return least;
  };
  std::vector<Dimension> problem;
  std::vector<Dimension> others;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    (shapes[i] ? problem : others).push_back(std::move(dimensions_[i]));
  }
  const auto count = [](const std::vector<Dimension>& dimensions) {
    double product = 1;
    for (const Dimension& dimension : dimensions) {
      product *= static_cast<double>(dimension.size);
    }
    constexpr double largest = 0x1p62;
    return static_cast<std::int64_t>(std::min(product, largest));
  };
  problems_ = count(problem);
  runs_per_problem_ = count(others);
  const auto slower = [&](const Dimension& a, const Dimension& b) { return rank(a) < rank(b); };
  std::stable_sort(problem.begin(), problem.end(), slower);
  std::stable_sort(others.begin(), others.end(), slower);
  dimensions_ = std::move(problem);
  std::move(others.begin(), others.end(), std::back_inserter(dimensions_));
}

/// Constants first, then formulas after what they look at.
void Grid::order_axes() {
  struct Waiting {
    std::pair<std::size_t, std::size_t> place;
    const Axis* axis;
  };
  std::vector<Waiting> waiting;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    for (std::size_t j = 0; j < dimensions_[i].axes.size(); ++j) {
      const Axis& axis = dimensions_[i].axes[j];
      if (axis.formulas.empty()) {
        order_.emplace_back(i, j);
      } else {
        waiting.push_back({{i, j}, &axis});
      }
    }
  }
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Waiting& a, const Waiting& b) { return a.axis->key < b.axis->key; });
  const auto must_wait = [&](const Waiting& one) {
    for (const auto& [position, formula] : one.axis->formulas) {
      for (const Key* used : keys_in_formula(*one.axis->key, formula)) {
        if (std::any_of(waiting.begin(), waiting.end(),
                        [&](const Waiting& other) { return other.axis->key == used; })) {
          return true;
        }
      }
    }
    return false;
  };
  while (!waiting.empty()) {
    const auto ready = std::find_if_not(waiting.begin(), waiting.end(), must_wait);
    if (ready == waiting.end()) {
      const Axis& axis = *waiting.front().axis;
      throw ConfigError(refusal(*axis.key, write(*axis.key), "its formula depends on itself"));
    }
    order_.push_back(ready->place);
    waiting.erase(ready);
  }
}

/// A formula that gives every run the same number is that number: `max-steps = 3 epochs` of one data set.
void Grid::fold_formulas() {
  std::vector<std::pair<const Key*, double>> constants;
  for (const Dimension& dimension : dimensions_) {
    const Axis& axis = dimension.axes[0];
    if (dimension.size > 1 || axis.formulas.empty() || is_paper_axis(*axis.key) || !axis.key->is_number() ||
        axis.formulas.at(0).find(':') != std::string::npos) {
      continue;
    }
    std::set<double> values;
    for_each_combination({axis.key}, [&](const Point& point) { values.insert(axis.key->get(point)); });
    if (values.size() == 1) {
      constants.emplace_back(axis.key, *values.begin());
    }
  }
  for (const auto& [key, value] : constants) {
    std::erase_if(dimensions_,
                  [&, folded = key](const Dimension& dimension) { return dimension.axes[0].key == folded; });
    apply_number(*key, value, base_);
  }
  if (!constants.empty()) {
    order_.clear();
    order_axes();
  }
}

/// `linear:1e-4, relu:1e-3` is in most jobs, and reading it again for each run would take longer than all the rest.
void Grid::tabulate_formulas() {
  const Key& activation = key_called("grid.activation");
  for (Dimension& dimension : dimensions_) {
    Axis& axis = dimension.axes[0];
    if (dimension.size > 1 || axis.formulas.empty() || !axis.key->is_number() ||
        keys_in_formula(*axis.key, axis.formulas.at(0)) != std::vector<const Key*>{&activation}) {
      continue;
    }
    const Axis* activations = find_axis(activation);
    if (activations == nullptr || !activations->formulas.empty()) {
      continue;
    }
    axis.by_activation.assign(activation.names.size(), nan);
    for (const double number : activations->numbers) {
      Point point = base_;
      activation.set(point, number);
      apply_value(*axis.key, axis.formulas.at(0), point);
      axis.by_activation[static_cast<std::size_t>(number)] = axis.key->get(point);
    }
  }
}

Point Grid::at(std::int64_t index) const {
  std::array<std::int64_t, 64> digits{};  // more dimensions than there are keys
  std::int64_t rest = index;
  for (std::size_t i = dimensions_.size(); i-- > 0;) {
    digits[i] = rest % dimensions_[i].size;
    rest /= dimensions_[i].size;
  }
  Point point = base_;
  point.run.run = index;
  for (const auto& [dimension, number] : order_) {
    const Axis& axis = dimensions_[dimension].axes[number];
    const double value = axis.numbers[static_cast<std::size_t>(digits[dimension])];
    if (!std::isnan(value)) {
      axis.key->set(point, value);
    } else if (!axis.by_activation.empty()) {
      axis.key->set(point, axis.by_activation[static_cast<std::size_t>(point.run.activation)]);
    } else {
      apply_value(*axis.key, axis.formulas.at(digits[dimension]), point);
    }
  }
  return point;
}

const Axis* Grid::find_axis(const Key& key) const {
  for (const Dimension& dimension : dimensions_) {
    for (const Axis& axis : dimension.axes) {
      if (axis.key == &key) {
        return &axis;
      }
    }
  }
  return nullptr;
}

std::int64_t Grid::combinations(const std::vector<bool>& wanted) const {
  std::int64_t count = 1;
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    count *= wanted[i] ? dimensions_[i].size : 1;
  }
  return count;
}

std::int64_t Grid::combination_of(std::int64_t index, const std::vector<bool>& wanted) const {
  std::int64_t combination = 0;
  std::int64_t stride = 1;
  for (std::size_t i = dimensions_.size(); i-- > 0; index /= dimensions_[i].size) {
    if (wanted[i]) {
      combination += index % dimensions_[i].size * stride;
      stride *= dimensions_[i].size;
    }
  }
  return combination;
}

std::int64_t Grid::first_of_combination(std::int64_t combination, const std::vector<bool>& wanted) const {
  std::int64_t index = 0;
  std::int64_t stride = 1;
  for (std::size_t i = dimensions_.size(); i-- > 0; stride *= dimensions_[i].size) {
    if (wanted[i]) {
      index += combination % dimensions_[i].size * stride;
      combination /= dimensions_[i].size;
    }
  }
  return index;
}

void Grid::for_each_combination(const std::vector<const Key*>& keys,
                                const std::function<void(const Point&)>& visit) const {
  const std::vector<bool> wanted = dimensions_of(keys);
  const std::int64_t count = combinations(wanted);
  for (std::int64_t combination = 0; combination < count; ++combination) {
    visit(at(first_of_combination(combination, wanted)));
  }
}

std::string Grid::write(const Key& key) const {
  if (key.name == "grid.zip") {
    return zip_;
  }
  if (key.name == "grid.sample") {
    return sample_;
  }
  const Axis* axis = find_axis(key);
  if (axis == nullptr) {
    return write_value(key, base_);
  }
  if (!axis->range.empty()) {
    return axis->range;
  }
  const auto write_one = [&](double number) { return write_number(key, number); };
  const std::span<const double> numbers(axis->numbers);
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() || part.empty() ? "" : ", ") + part; };
  const auto add_numbers = [&](std::int64_t first, std::int64_t end) {
    const auto part = numbers.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(end - first));
    if (key.is_number()) {
      add(format_values(part, write_one));
    } else {
      for (const double number : part) {
        add(write_one(number));
      }
    }
  };
  std::int64_t next = 0;
  for (const auto& [position, formula] : axis->formulas) {
    add_numbers(next, position);
    if (key.name == "training.step-size" && formula.find(':') != std::string::npos) {
      const Axis& activations = *find_axis(key_called("grid.activation"));
      for (const double activation : activations.numbers) {  // of the others the plan does not depend
        Point point = base_;
        point.run.activation = static_cast<int>(activation);
        apply_value(key, formula, point);
        add(write_number(*activations.key, activation) + ":" + format_real(point.run.step_size));
      }
    } else {
      add(formula);
    }
    next = position + 1;
  }
  add_numbers(next, static_cast<std::int64_t>(numbers.size()));
  return text;
}

void Grid::adopt_values(const Grid& other) {
  const auto values_of = [&](const Key& key) -> std::vector<double> {
    const Axis* axis = other.find_axis(key);
    return axis != nullptr ? axis->numbers : std::vector<double>{key.get(other.base_)};
  };
  for (const Key& key : all_keys()) {
    if (key.kind != KeyKind::real) {
      continue;  // whole numbers have no rounding
    }
    std::vector<double> known = values_of(key);
    std::erase_if(known, [](double value) { return std::isnan(value); });
    std::sort(known.begin(), known.end());
    const auto adopted = [&](double value) {
      const auto near = std::lower_bound(known.begin(), known.end(), value);
      if (near != known.end() && are_one_value(*near, value)) {
        return *near;
      }
      return near != known.begin() && are_one_value(near[-1], value) ? near[-1] : value;
    };
    if (const double value = key.get(base_); adopted(value) != value) {
      key.set(base_, adopted(value));
    }
    for (Dimension& dimension : dimensions_) {
      for (Axis& axis : dimension.axes) {
        if (axis.key == &key && axis.range.empty()) {
          std::transform(axis.numbers.begin(), axis.numbers.end(), axis.numbers.begin(),
                         [&](double value) { return std::isnan(value) ? value : adopted(value); });
        }
      }
    }
  }
}

}  // namespace fasweep
