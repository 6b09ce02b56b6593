// The grammar of job files: one table of keys, each with its name, default, meaning, what is accepted, and how one
// value of it is applied to a run and read back. Help, errors, resolved text, axes, columns of result files and the
// identity of runs follow from the table.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/run_spec.hpp"
#include "sweep/formula.hpp"
#include "sweep/value_list.hpp"
#include "util/error.hpp"

namespace fasweep {

/// All values of one run.
struct Point {
  RunSpec run;
  DataSettings data;
  TrainingSettings training;
};

/// What a value is: a number, one of a list of names, a name with arguments, or a text that is the same for all runs.
enum class KeyKind { whole, real, name, call, text };
inline constexpr std::array<std::string_view, 5> key_kind_names{"whole", "real", "name", "call", "text"};

/// Jobs that have a key; csv: those with such a table.
enum class KeyUse { always, teachers, sets, csv };
inline constexpr std::array<std::string_view, 4> key_use_names{"all", "teachers", "data sets", "csv"};

/// One key. Functions throw ConfigError with the reason alone; who applies a key adds the key, the value and what is
/// accepted (apply_value).
struct Key {
  std::string_view name;         // section.key
  std::string_view column = {};  // dataset of a result file when the key is an axis; empty: never one
  KeyKind kind = KeyKind::text;
  std::string_view default_text;  // empty: required
  std::string_view meaning = {};
  std::string accepted = {};  // what a value may be
  KeyUse use = KeyUse::always;
  std::string_view set_default_text = {};  // default with a data set, where that is another one
  /// What versions without this key did, and so what its absence means in a stored job; such a value is not part of a
  /// run's identity. Empty: the key has existed since the first version.
  std::string_view earlier_text = {};
  bool shapes_problem = false;  // data or initial state depend on it
  /// Says how to find a data set or an initial state, whose checksum says what it is: part of neither the plan nor a
  /// run's identity.
  bool finds_data = false;
  /// Stored texts leave the key out where its value is that of earlier versions, as these did.
  bool is_unsaid_as_earlier = false;

  // Numbers, and names by their position.
  std::function<double(const Point&)> get = {};
  std::function<void(Point&, double)> set = {};
  std::vector<std::string_view> names = {};                     // of a key of kind name
  std::vector<std::pair<std::string_view, double>> words = {};  // numbers that are written as words: all, width
  // Calls and texts. variables: what a formula in the text may use.
  std::function<void(Point&, std::string_view, const VariableValue& variables)> read = {};
  std::function<std::string(const Point&)> write = {};
  /// Whether the value means anything for this run; by default it does.
  std::function<bool(const Point&)> matters = {};

  [[nodiscard]] bool is_number() const { return kind == KeyKind::whole || kind == KeyKind::real; }
  /// The name without its section, as formulas use it.
  [[nodiscard]] std::string_view short_name() const { return name.substr(name.find('.') + 1); }
};

/// The whole table, in the order in which keys are applied and written.
[[nodiscard]] const std::vector<Key>& all_keys();

/// The key of this name. Throws ConfigError naming the nearest known key; `origin` is where the name was read.
[[nodiscard]] const Key& find_key(std::string_view name, std::string_view origin);

/// For code that needs a certain key; the name is one of the table.
[[nodiscard]] const Key& key_called(std::string_view name);

/// Keys that are axes even with one value, and columns of every result file: p, lambda, activation, rule, seed.
[[nodiscard]] const std::vector<const Key*>& paper_axes();
[[nodiscard]] bool is_paper_axis(const Key& key);

/// Whether a value of the key is a setting, which runs share: neither the paper's axes nor the step size, nor what says
/// how lists of a grid go together.
[[nodiscard]] bool is_setting(const Key& key);

/// Whether runs with this source of data have the key.
[[nodiscard]] bool applies(const Key& key, DataSource source);

/// One number as a job file has it.
[[nodiscard]] std::string write_number(const Key& key, double value);

/// The value of a run, as a job file has it.
[[nodiscard]] std::string write_value(const Key& key, const Point& point);

/// Applies one value to a run: a number, a name, a word, a formula, a call or a text. Throws ConfigError naming key,
/// value and what is accepted.
void apply_value(const Key& key, std::string_view text, Point& point);
void apply_number(const Key& key, double value, Point& point);

/// The values of a list, of numbers or of names by their position; calls are formulas at every position.
/// Throws ConfigError naming key, value and what is accepted.
[[nodiscard]] ValueList parse_list(const Key& key, std::string_view text);

/// Names that formulas may use: of every key that holds numbers; `epoch`, steps that visit all training samples once;
/// and `theorem-sum`, what Theorem 4.6 lets the ridge sum up to.
[[nodiscard]] const std::vector<std::string_view>& formula_names();

/// Keys on whose values a text of this key depends: formulas' variables, and the activation of a step size's list.
[[nodiscard]] std::vector<const Key*> keys_in_formula(const Key& key, std::string_view text);

/// Throws ConfigError if values of a run do not go together: a batch larger than the training set and the like.
void check_together(const Point& point);

/// Three lines per key: name and default, meaning, what is accepted. For --help.
[[nodiscard]] std::string job_grammar_help();

/// "key '...' = '...' is not accepted (why); write ...".
[[nodiscard]] std::string refusal(const Key& key, std::string_view value, std::string_view why);

/// What `act` returns; what it throws with the reason alone is refused with key and value.
template <class Act>
auto with_refusal(const Key& key, std::string_view value, Act act) {
  try {
    return act();
  } catch (const ConfigError& reason) {
    throw ConfigError(refusal(key, value, reason.what()));
  }
}

}  // namespace fasweep
