// A grid: all combinations of the values that keys may have, and what each combination makes of a run. A job has one or
// several, which are united (sweep/plan.hpp).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sweep/keys.hpp"

namespace fasweep {

/// The values of one key along a dimension.
struct Axis {
  const Key* key = nullptr;
  std::vector<double> numbers = {};                   // numbers, names by their position; NaN where a formula stands
  std::map<std::int64_t, std::string> formulas = {};  // by position; of a key of calls or texts: all of them
  std::string range = {};                             // where values were sampled: the range as written
  std::vector<double> by_activation = {};             // what its one formula gives, if it depends on nothing else
};

/// Axes that advance together; most dimensions have one.
struct Dimension {
  std::vector<Axis> axes;  // all of `size` values
  std::int64_t size = 0;
};

/// Texts of keys, each key once.
using KeyTexts = std::vector<std::pair<const Key*, std::string>>;

class Grid {
 public:
  Grid() = default;

  /// texts: of every key that applies, in the order of the table, grid.zip and grid.sample included. Throws ConfigError
  /// naming key, value and what is accepted.
  explicit Grid(const KeyTexts& texts);

  /// Slowest first, those that decide data or initial state (`problems`) before the others.
  [[nodiscard]] const std::vector<Dimension>& dimensions() const { return dimensions_; }
  /// Keys of one value, and the first value of the others.
  [[nodiscard]] const Point& base() const { return base_; }

  [[nodiscard]] std::int64_t problems() const { return problems_; }
  [[nodiscard]] std::int64_t runs_per_problem() const { return runs_per_problem_; }
  /// As a real number, because it may be larger than any integer.
  [[nodiscard]] double size() const;

  /// index: 0..problems() * runs_per_problem() - 1, the last dimension fastest. Throws ConfigError if a formula gives
  /// what its key does not accept. `run` of the result is the index.
  [[nodiscard]] Point at(std::int64_t index) const;

  /// The axis of a key, or nullptr if it has one value.
  [[nodiscard]] const Axis* find_axis(const Key& key) const;

  /// Dimensions on which the values of `keys` depend, formulas included.
  [[nodiscard]] std::vector<bool> dimensions_of(const std::vector<const Key*>& keys) const;

  /// Index of the first run with the same values along `wanted` dimensions, and how many such combinations there are.
  [[nodiscard]] std::int64_t combinations(const std::vector<bool>& wanted) const;
  [[nodiscard]] std::int64_t combination_of(std::int64_t index, const std::vector<bool>& wanted) const;
  [[nodiscard]] std::int64_t first_of_combination(std::int64_t combination, const std::vector<bool>& wanted) const;

  /// Calls `visit` for one run of every combination of the values of `keys`.
  void for_each_combination(const std::vector<const Key*>& keys, const std::function<void(const Point&)>& visit) const;

  /// The values of a key as a job file has them; canonical.
  [[nodiscard]] std::string write(const Key& key) const;

  /// Replaces values by those of `other` that differ from them by rounding alone (are_one_value).
  void adopt_values(const Grid& other);

 private:
  void add_axis(const Key& key, std::string_view text);
  void zip_axes(std::string_view text);
  void sample_ranges(std::string_view text);
  void reject_repeated_values() const;
  void sort_dimensions();
  void order_axes();
  void fold_formulas();
  void tabulate_formulas();
  [[nodiscard]] std::vector<const Key*> with_keys_in_formulas(std::vector<const Key*> keys) const;

  Point base_;
  std::vector<Dimension> dimensions_;
  std::int64_t problems_ = 0;
  std::int64_t runs_per_problem_ = 0;
  std::vector<std::pair<std::size_t, std::size_t>> order_;  // dimension and axis, as they are applied
  std::string zip_ = "none";
  std::string sample_ = "none";
};

}  // namespace fasweep
