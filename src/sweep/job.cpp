#include "sweep/job.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/metric/list.hpp"
#include "model/problem.hpp"
#include "model/rule/list.hpp"
#include "model/settings.hpp"
#include "model/teacher.hpp"
#include "sweep/recorded_steps.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr std::string_view place_key = "data.path";
constexpr std::string_view state_key = "training.initial-state";
constexpr std::string_view state_checksum_key = "training.initial-checksum";
constexpr std::string_view steps_key = "record.steps";
constexpr std::string_view metrics_key = "record.metrics";
constexpr std::string_view default_metrics_text = "default";
/// First line of a resolved text since metrics and defaults are written out in full.
constexpr std::string_view resolved_mark = "# resolved job, format 2\n";
/// Metrics that existed when the word `default` was part of a run's name.
constexpr int metrics_of_first_version = 16;

/// Who wrote the text decides what a missing key means.
enum class Author { user, program, first_version };

bool is_grid_key(const Key& key) {
  return key.name.starts_with("grid.");
}

/// Why a metric means nothing for this run; empty if it does.
std::string_view why_not(int metric, const Point& point) {
  const unsigned traits = traits_of(metric);
  if ((traits & sees_test_set) != 0 && point.data.test_samples == 0) {
    return " needs data.test-n >= 1";
  }
  if ((traits & for_classes) != 0 && point.data.targets != Targets::classes) {
    return " needs classes as targets";
  }
  if ((traits & for_one_output) != 0 && point.data.outputs != 1) {
    return " needs a network with one output";
  }
  if ((traits & not_for_one_output) != 0 && point.data.outputs == 1) {
    return " needs a network with several outputs";
  }
  if ((traits & sees_snapshot) != 0 && (traits & sees_layers) == 0 && point.training.depth > 1) {
    return " needs grid.depth = 1";
  }
  if ((traits & of_theory) != 0 && !changed_settings(point.data, point.training).without(theory_keys).empty()) {
    return " needs the paper's setting: one output, squared loss summed over all samples in every step, no dropout, no "
           "biases, decay of the output weights, output-scale root-width";
  }
  if ((traits & of_gaussian_rows) != 0 &&
      !hidden_weight_variance(point.training, {point.data.inputs, point.run.width})) {
    return " needs initial-weights of independent Gaussian numbers";
  }
  const int units = teacher_units(point.data, point.run.width);
  if ((traits & of_teacher_units) != 0 && (units == 0 || std::max(units, point.run.width) > max_overlapping_units)) {
    static_assert(max_overlapping_units == 20);
    return " needs a teacher that is a network, and up to 20 hidden units of it and of the student";
  }
  return "";
}

/// Calls visit for every combination of values but those of the paper's axes beside p.
void for_each_width(const Job& job, const std::function<void(const Point&)>& visit) {
  std::vector<const Key*> keys{&key_called("grid.p")};
  for (const Key& key : all_keys()) {
    if (!is_paper_axis(key)) {
      keys.push_back(&key);
    }
  }
  for (const Grid& grid : job.grids) {
    grid.for_each_combination(keys, visit);
  }
}

/// Whether a metric is recorded when a job leaves that open: it applies, no other one says the same, and it costs
/// neither a snapshot nor a pass over all training samples when a step sees only a few of them.
bool is_default(int metric, const Point& point) {
  const unsigned traits = traits_of(metric);
  const bool minibatches = takes_minibatches(point.training, point.data);
  const bool is_expensive = reads_snapshot(metric) || ((traits & sees_training_set) != 0 && minibatches);
  const bool is_repeated = ((traits & for_random_steps) != 0 && !minibatches && point.training.dropout == 0) ||
                           ((traits & for_several_outputs) != 0 && point.data.outputs == 1);
  return why_not(metric, point).empty() && !is_expensive && !is_repeated;
}

std::vector<int> default_metrics(const Point& point, int known = Metrics::size) {
  std::vector<int> metrics;
  for (int metric = 0; metric < known; ++metric) {
    if (is_default(metric, point)) {
      metrics.push_back(metric);
    }
  }
  return metrics;
}

std::string write_metrics(const std::vector<int>& metrics) {
  std::vector<std::string_view> names;
  names.reserve(metrics.size());
  for (const int metric : metrics) {
    names.push_back(Metrics::names[static_cast<std::size_t>(metric)]);
  }
  return join(names, ", ");
}

/// Default metrics of a job: those of any of its runs.
std::vector<int> default_metrics(const Job& job, int known) {
  std::set<int> metrics;
  for_each_setting(job, [&](const Point& point) {
    const std::vector<int> more = default_metrics(point, known);
    metrics.insert(more.begin(), more.end());
  });
  return {metrics.begin(), metrics.end()};
}

std::vector<int> named_metrics(std::string_view text, const Job& job) {
  std::vector<int> metrics;
  if (trim(text).empty()) {
    throw ConfigError("the list is empty");
  }
  for (const std::string_view name : split(text, ',')) {
    const std::optional<int> metric = Metrics::find(name);
    if (!metric) {
      throw ConfigError("'" + std::string(name) + "' is not known" + suggest(name, Metrics::names));
    }
    metrics.push_back(*metric);
  }
  std::sort(metrics.begin(), metrics.end());
  if (const auto twice = std::adjacent_find(metrics.begin(), metrics.end()); twice != metrics.end()) {
    throw ConfigError(std::string(Metrics::names[static_cast<std::size_t>(*twice)]) + " is given twice");
  }
  for (const int metric : metrics) {
    std::string_view reason = "-";
    const auto look = [&](const Point& point) { reason = reason.empty() ? reason : why_not(metric, point); };
    (traits_of(metric) & of_teacher_units) != 0 ? for_each_width(job, look) : for_each_setting(job, look);
    if (!reason.empty()) {
      throw ConfigError(std::string(Metrics::names[static_cast<std::size_t>(metric)]) + std::string(reason));
    }
  }
  return metrics;
}

using Given = std::vector<std::pair<const Key*, std::string>>;

const std::string* find_given(const Given& given, const Key& key) {
  const auto found = std::find_if(given.begin(), given.end(), [&](const auto& entry) { return entry.first == &key; });
  return found == given.end() ? nullptr : &found->second;
}

void set_given(Given& given, const Key& key, const std::string& value) {
  const auto found = std::find_if(given.begin(), given.end(), [&](const auto& entry) { return entry.first == &key; });
  if (found != given.end()) {
    found->second = value;
  } else {
    given.emplace_back(&key, value);
  }
}

/// "grid.training.step-size" is that key for one grid alone.
const Key& key_in_section(std::string_view name, std::string_view origin) {
  constexpr std::string_view grid = "grid.";
  const bool is_foreign = name.starts_with(grid) && name.find('.', grid.size()) != std::string_view::npos;
  return find_key(is_foreign ? name.substr(grid.size()) : name, origin);
}

/// Each key once and known.
Given read_given(const KeyValues& values, std::string_view origin) {
  Given given;
  for (const auto& [name, value] : values) {
    const Key& key = key_in_section(name, origin);
    if (find_given(given, key) != nullptr) {
      throw ConfigError("key '" + name + "' is given twice in '" + std::string(origin) +
                        "' (only one value can hold); keep one of them");
    }
    given.emplace_back(&key, value);
  }
  return given;
}

/// A text's keys, those of each grid for itself, overrides applied.
struct GivenJob {
  Given shared;
  std::vector<Given> grids;
};

GivenJob read_given_job(std::string_view text, std::string_view origin, const KeyValues& overrides) {
  const JobText read = read_job_text(text, origin);
  GivenJob job{read_given(read.shared, origin), {}};
  for (const KeyValues& grid : read.grids) {
    job.grids.push_back(read_given(grid, origin));
  }
  if (job.grids.empty()) {
    job.grids.emplace_back();
  }
  for (const auto& [name, value] : overrides) {
    const Key& key = key_in_section(name, "--set");
    for (Given& grid : job.grids) {
      if (is_grid_key(key)) {
        set_given(grid, key, value);
      } else {
        std::erase_if(grid, [&](const auto& entry) { return entry.first == &key; });
      }
    }
    if (!is_grid_key(key)) {
      set_given(job.shared, key, value);
    }
  }
  return job;
}

/// The source of a grid's data, and whether every one is a set.
std::vector<DataSource> sources_of(const Given& grid, const Given& shared) {
  const Key& key = key_called("data.source");
  const std::string* text = find_given(grid, key);
  text = text == nullptr ? find_given(shared, key) : text;
  std::vector<DataSource> sources;
  for (const double source : parse_list(key, text == nullptr ? key.default_text : *text).numbers) {
    sources.push_back(static_cast<DataSource>(static_cast<int>(source)));
  }
  const bool has_teacher = std::find(sources.begin(), sources.end(), DataSource::teacher) != sources.end();
  if (has_teacher && sources.size() > 1) {
    throw ConfigError(refusal(key, *text,
                              "a teacher and data sets have different keys; give each its own [grid] section with "
                              "data.source = ... in it"));
  }
  return sources;
}

/// What a key says when nobody gives it.
std::string_view default_of(const Key& key, bool is_set, Author author) {
  if (author != Author::user && !key.earlier_text.empty()) {
    return key.earlier_text;
  }
  return is_set && !key.set_default_text.empty() ? key.set_default_text : key.default_text;
}

/// The text of every key that applies to a grid.
KeyTexts complete(const Given& grid, const Given& shared, std::string_view origin, Author author) {
  const std::vector<DataSource> sources = sources_of(grid, shared);
  KeyTexts texts;
  for (const Key& key : all_keys()) {
    if (key.name == steps_key || key.name == metrics_key) {
      continue;
    }
    const std::string* value = find_given(grid, key);
    value = value == nullptr && !is_grid_key(key) ? find_given(shared, key) : value;
    if (!applies(key, sources[0])) {
      if (value != nullptr) {
        throw ConfigError("key '" + std::string(key.name) + "' = '" + *value + "' is not accepted (data.source = " +
                          std::string(data_source_names[static_cast<std::size_t>(sources[0])]) +
                          " has no such key); leave it out");
      }
      continue;
    }
    const std::string_view otherwise = default_of(key, sources[0] != DataSource::teacher, author);
    if (value == nullptr && otherwise.empty()) {
      throw ConfigError("key '" + std::string(key.name) + "' is missing in '" + std::string(origin) +
                        "' (it has no default); write " + key.accepted);
    }
    texts.emplace_back(&key, trim(value == nullptr ? otherwise : std::string_view(*value)));
  }
  return texts;
}

void require_path(const DataSettings& data, std::string_view origin) {
  if (data.source != DataSource::teacher && data.path.empty()) {
    throw ConfigError("key '" + std::string(place_key) + "' is missing in '" + std::string(origin) +
                      "' (a table has no default place); write the path of its file");
  }
}

/// Other keys than those of the data need the counts that a data set has.
void require_known_data(const DataSettings& data, std::string_view origin) {
  const bool all_known = data.samples != as_in_data && data.inputs != as_in_data && data.outputs != as_in_data &&
                         data.test_samples != as_in_data;
  if (data.source != DataSource::teacher && (!all_known || !data.checksum)) {
    throw ConfigError("'" + std::string(origin) +
                      "' does not say what its data set is (data.n, data.d, data.outputs, " +
                      "data.test-n and data.checksum are found when the set is read); give the job to fasweep plan");
  }
}

/// Throws ConfigError: a run's value of `key` is not what its initial state has.
[[noreturn]] void refuse_of_state(const Key& key, const Point& point, const StateSource& source, const std::string& has,
                                  const std::string& write) {
  throw ConfigError("key '" + std::string(key.name) + "' = '" + write_value(key, point) +
                    "' is not accepted (the initial state in '" + source.path + "' has " + has + "); write " +
                    std::string(key.short_name()) + " = " + write +
                    ", or give such runs a [grid] section with their own " + std::string(state_key));
}

void require_known_state(const StateSource& state, std::string_view origin) {
  if (!state.path.empty() && !state.checksum) {
    throw ConfigError("'" + std::string(origin) + "' does not say what is in its " + std::string(state_key) + " (" +
                      std::string(state_checksum_key) +
                      " is found when the file is read); give the job to fasweep plan");
  }
}

constexpr std::string_view fixed_set =
    "which data set a run reads can neither follow from another value nor advance with one; give each its own [grid] "
    "section";

/// Each grid has one data set; all of a job's grids read sets, or none does.
void require_one_set_a_grid(const Job& job) {
  const bool has_sets = job.data().source != DataSource::teacher;
  for (const Grid& grid : job.grids) {
    for (const Dimension& dimension : grid.dimensions()) {
      for (const Axis& axis : dimension.axes) {
        if (axis.key->name.starts_with("data.") && has_sets) {
          throw ConfigError(refusal(*axis.key, grid.write(*axis.key), fixed_set));
        }
      }
    }
    if ((grid.base().data.source != DataSource::teacher) != has_sets) {
      throw ConfigError(
          refusal(key_called("data.source"), grid.write(key_called("data.source")),
                  "a job takes either teachers or data sets, whose runs have different keys; write a job for each"));
    }
  }
}

void check_size(const Job& job) {
  constexpr double max_runs = 1e9;
  const double runs = count_points(job);
  if (runs > max_runs) {
    throw ConfigError("the grid has " + format_real(runs) + " runs (more than " + format_real(max_runs) +
                      "); split it into several jobs, or sample it (grid.sample)");
  }
  constexpr double max_compared_runs = 2e7;
  if (runs > max_compared_runs && may_repeat_runs(job)) {
    throw ConfigError("the grids have " + format_real(runs) + " runs together (more than " +
                      format_real(max_compared_runs) +
                      ", and those of several [grid] sections, of zip and of samples are compared one by one); split " +
                      "them into several jobs");
  }
}

/// The value of a key of [record]: one for all runs.
std::string record_text(const GivenJob& given, const Key& key) {
  const std::string* value = find_given(given.shared, key);
  return std::string(trim(value == nullptr ? key.default_text : std::string_view(*value)));
}

void read_record(const GivenJob& given, Author author, Job& job) {
  const Key& steps = key_called(steps_key);
  job.record_steps = record_text(given, steps);
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for_each_setting(job, [&](const Point& point) {
    const std::int64_t epoch = steps_an_epoch(point.training, point.data);
    if (seen.emplace(point.training.max_steps, epoch).second) {
      with_refusal(steps, job.record_steps,
                   [&] { static_cast<void>(expand_steps(job.record_steps, point.training.max_steps, epoch)); });
    }
  });
  const Key& metrics = key_called(metrics_key);
  const std::string text = record_text(given, metrics);
  job.has_default_metrics = text == default_metrics_text;
  if (job.has_default_metrics) {
    job.metrics = default_metrics(job, author == Author::first_version ? metrics_of_first_version : Metrics::size);
  } else {
    job.metrics = with_refusal(metrics, text, [&] { return named_metrics(text, job); });
  }
}

/// Whether a key's list advances with another one's.
bool is_zipped(const Key& key, const Given& grid) {
  const std::string* zip = find_given(grid, key_called("grid.zip"));
  for (const std::string_view group : split(zip == nullptr ? std::string_view() : std::string_view(*zip), ';')) {
    for (const std::string_view name : split(group, ',')) {
      if (name == key.name || name == key.short_name()) {
        return true;
      }
    }
  }
  return false;
}

/// A grid that lists data sets, by their source, sizes or normalisation, as a grid for each.
std::vector<Given> split_by_set(const Given& grid, const Given& shared) {
  std::vector<Given> parts{grid};
  const DataSource source = sources_of(grid, shared).front();
  if (source == DataSource::teacher) {
    return parts;
  }
  for (const Key& key : all_keys()) {
    const bool decides_set =
        key.name.starts_with("data.") && key.name != "data.seed" && key.get && applies(key, source);
    const std::string* text = decides_set ? find_given(grid, key) : nullptr;
    text = text == nullptr && decides_set ? find_given(shared, key) : text;
    if (text == nullptr) {
      continue;
    }
    const ValueList list = parse_list(key, *text);
    const bool follows = std::any_of(list.formulas.begin(), list.formulas.end(), [&](const auto& formula) {
      return !keys_in_formula(key, formula.second).empty();
    });
    if (follows || is_zipped(key, grid)) {
      throw ConfigError(refusal(key, *text, fixed_set));
    }
    if (list.numbers.size() < 2) {
      continue;
    }
    std::vector<Given> more;
    for (const Given& part : parts) {
      for (const double number : list.numbers) {
        set_given(more.emplace_back(part), key, write_number(key, number));
      }
    }
    parts = std::move(more);
  }
  return parts;
}

/// The settings of a grid's data set, whose counts may be as_in_data.
DataSettings data_of(const Given& grid, const Given& shared, std::string_view origin) {
  KeyTexts texts = complete(grid, shared, origin, Author::user);
  std::erase_if(texts, [](const auto& entry) { return !entry.first->name.starts_with("data."); });
  DataSettings data = Grid(texts).base().data;
  require_path(data, origin);
  return data;
}

/// The initial state of a grid, whose checksum may be unknown.
StateSource state_of(const Given& grid, const Given& shared) {
  Point point;
  for (const std::string_view name : {state_key, state_checksum_key}) {
    const Key& key = key_called(name);
    const std::string* own = find_given(grid, key);
    const std::string* text = own == nullptr ? find_given(shared, key) : own;
    apply_value(key, text == nullptr ? key.default_text : trim(*text), point);
  }
  return point.training.initial_state;
}

/// Facts of what was read, each source once.
template <class Source>
class KnownFacts {
 public:
  explicit KnownFacts(const std::function<KeyValues(const Source&)>& read) : read_(read) {}

  /// Puts the facts of `source` among the keys of a grid.
  void add(const Source& source, Given& grid) {
    auto found = std::find_if(known_.begin(), known_.end(), [&](const auto& entry) { return entry.first == source; });
    if (found == known_.end()) {
      found = known_.insert(found, {source, read_(source)});
    }
    for (const auto& [name, value] : found->second) {
      set_given(grid, key_called(name), value);
    }
  }

 private:
  const std::function<KeyValues(const Source&)>& read_;
  std::vector<std::pair<Source, KeyValues>> known_;
};

/// The texts of all grids, one for each data set, with what is known of the sets and of initial states once they are
/// read.
std::vector<Given> complete_grids(const GivenJob& given, std::string_view origin, const ReadFacts& read_facts,
                                  const ReadStateFacts& read_state_facts) {
  std::vector<Given> grids;
  KnownFacts<DataSettings> sets(read_facts);
  KnownFacts<StateSource> states(read_state_facts);
  for (const Given& grid : given.grids) {
    for (Given& part : split_by_set(grid, given.shared)) {
      if (read_facts && sources_of(part, given.shared).front() != DataSource::teacher) {
        sets.add(data_of(part, given.shared, origin), part);
      }
      if (const StateSource state = state_of(part, given.shared); read_state_facts && !state.path.empty()) {
        states.add(state, part);
      }
      grids.push_back(std::move(part));
    }
  }
  return grids;
}

Job parse(std::string_view text, std::string_view origin, const KeyValues& overrides, Author author,
          const ReadFacts& read_facts = {}, const ReadStateFacts& read_state_facts = {}) {
  const GivenJob given = read_given_job(text, origin, overrides);
  Job job;
  for (const Given& grid : complete_grids(given, origin, read_facts, read_state_facts)) {
    job.grids.emplace_back(complete(grid, given.shared, origin, author));
    const Point& base = job.grids.back().base();
    require_path(base.data, origin);
    require_known_data(base.data, origin);
    require_known_state(base.training.initial_state, origin);
  }
  check_size(job);
  require_one_set_a_grid(job);
  for_each_setting(job, check_together);
  read_record(given, author, job);
  return job;
}

/// Whether a value says what was done before the key was there.
bool is_as_earlier(const Key& key, std::string_view value) {
  return !key.earlier_text.empty() && value == key.earlier_text;
}

}  // namespace

Job parse_job(std::string_view text, std::string_view origin, const KeyValues& overrides, const ReadFacts& read_facts,
              const ReadStateFacts& read_state_facts) {
  return parse(text, origin, overrides, Author::user, read_facts, read_state_facts);
}

Job parse_stored_job(std::string_view text, std::string_view origin) {
  return parse(text, origin, {}, text.starts_with(resolved_mark) ? Author::program : Author::first_version);
}

std::vector<DataSettings> data_sets_of(const Job& job) {
  std::vector<DataSettings> sets;
  for (const Grid& grid : job.grids) {
    const DataSettings& data = grid.base().data;
    const bool is_new = std::none_of(sets.begin(), sets.end(),
                                     [&](const DataSettings& other) { return other.checksum == data.checksum; });
    if (data.source != DataSource::teacher && is_new) {
      sets.push_back(data);
    }
  }
  return sets;
}

std::vector<StateSource> initial_states_of(const Job& job) {
  std::vector<StateSource> states;
  for (const Grid& grid : job.grids) {
    const StateSource& state = grid.base().training.initial_state;
    const bool is_new = std::ranges::find(states, state.checksum, &StateSource::checksum) == states.end();
    if (!state.path.empty() && is_new) {
      states.push_back(state);
    }
  }
  return states;
}

KeyValues facts_of(const Dataset& dataset) {
  return {{"data.n", std::to_string(dataset.samples)},
          {"data.d", std::to_string(dataset.inputs)},
          {"data.outputs", std::to_string(dataset.outputs)},
          {"data.test-n", std::to_string(dataset.test_samples)},
          {"data.checksum", format_checksum(dataset.checksum)}};
}

KeyValues facts_of(const InitialState& state) {
  return {{std::string(state_checksum_key), format_checksum(state.checksum)}};
}

void require_fitting_states(const Job& job, std::span<const InitialState> states) {
  const std::array sizes{std::pair(&key_called("grid.p"), &InitialState::width),
                         std::pair(&key_called("data.d"), &InitialState::inputs),
                         std::pair(&key_called("data.outputs"), &InitialState::outputs)};
  const Key& biases = key_called("training.biases");
  for (const Grid& grid : job.grids) {
    const StateSource& source = grid.base().training.initial_state;
    const InitialState* state = find_state(states, source.checksum);
    if (state == nullptr) {
      continue;
    }
    grid.for_each_combination({sizes[0].first, sizes[1].first, sizes[2].first, &biases}, [&](const Point& point) {
      for (const auto& [key, size] : sizes) {
        if (key->get(point) != state->*size) {
          const std::string has = std::to_string(state->*size);
          refuse_of_state(*key, point, source, std::string(key->column) + " = " + has, has);
        }
      }
      if (point.training.biases != state->has_biases()) {
        const bool has = state->has_biases();
        refuse_of_state(biases, point, source, (has ? "" : "no ") + std::string("hidden_bias and output_bias"),
                        has ? "yes" : "no");
      }
    });
  }
}

double count_points(const Job& job) {
  double points = 0;
  for (const Grid& grid : job.grids) {
    points += grid.size();
  }
  return points;
}

bool may_repeat_runs(const Job& job) {
  const Grid& first = job.grids.front();
  return job.grids.size() > 1 || first.write(key_called("grid.sample")) != "none" ||
         first.write(key_called("grid.zip")) != "none";
}

void for_each_setting(const Job& job, const std::function<void(const Point&)>& visit) {
  std::vector<const Key*> settings;
  for (const Key& key : all_keys()) {
    if (!is_paper_axis(key)) {
      settings.push_back(&key);
    }
  }
  for (const Grid& grid : job.grids) {
    grid.for_each_combination(settings, visit);
  }
}

std::string write_key(const Job& job, const Grid& grid, const Key& key) {
  if (key.name == steps_key) {
    return job.record_steps;
  }
  return key.name == metrics_key ? write_metrics(job.metrics) : grid.write(key);
}

std::string resolved_text(const Job& job) {
  const DataSource source = job.data().source;
  const auto is_unsaid = [](const Grid& grid, const Key& key) {
    return key.is_unsaid_as_earlier && is_as_earlier(key, grid.write(key));
  };
  const auto is_common = [&](const Key& key) {
    return std::all_of(job.grids.begin(), job.grids.end(),
                       [&](const Grid& grid) { return grid.write(key) == job.grids.front().write(key); });
  };
  std::string text(resolved_mark);
  for (const Grid& grid : job.grids) {
    text += "[grid]\n";
    for (const Key& key : all_keys()) {
      if (is_grid_key(key) && (is_paper_axis(key) || grid.write(key) != key.default_text)) {
        text += std::string(key.short_name()) + " = " + grid.write(key) + "\n";
      } else if (!is_grid_key(key) && (key.get || key.write) && applies(key, grid.base().data.source) &&
                 !is_common(key) && !is_unsaid(grid, key)) {
        text += std::string(key.name) + " = " + grid.write(key) + "\n";
      }
    }
  }
  std::string_view section;
  for (const Key& key : all_keys()) {
    if (is_grid_key(key) || !applies(key, source) ||
        ((key.get || key.write) && (!is_common(key) || is_unsaid(job.grids.front(), key)))) {
      continue;
    }
    const std::string_view own_section = key.name.substr(0, key.name.find('.'));
    if (own_section != section) {
      section = own_section;
      text += "[" + std::string(section) + "]\n";
    }
    text += std::string(key.short_name()) + " = " + write_key(job, job.grids.front(), key) + "\n";
  }
  return text;
}

std::uint64_t plan_hash(std::string_view resolved_text) {
  std::string kept;
  std::string section;
  for (std::size_t begin = 0; begin < resolved_text.size();) {
    const std::size_t end = std::min(resolved_text.find('\n', begin), resolved_text.size());
    const std::string_view line = resolved_text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with('[')) {
      section = std::string(line.substr(1, line.size() - 2)) + ".";
    } else if (line.starts_with('#')) {
      continue;
    } else if (const std::size_t equals = line.find(" = "); equals != std::string_view::npos) {
      const std::string name = section + std::string(line.substr(0, equals));
      const auto& keys = all_keys();
      const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
      const bool finds_data = std::any_of(keys.begin(), keys.end(), [&](const Key& k) {
        return k.finds_data && name.ends_with(k.name);  // that of one grid too
      });
      if (finds_data || (key != keys.end() && is_as_earlier(*key, line.substr(equals + 3)))) {
        continue;
      }
    }
    kept += std::string(line) + "\n";
  }
  return stable_hash(kept);
}

std::string settings_lines(const Point& point, const Job& job) {
  std::string text;
  for (const Key& key : all_keys()) {
    if (!is_setting(key) || key.finds_data || !applies(key, point.data.source) ||
        (key.matters && !key.matters(point))) {
      continue;
    }
    std::string value;
    if (key.name == steps_key) {
      value = job.record_steps;
    } else if (key.name == metrics_key) {
      // The first version named its defaults by the word.
      const bool is_first_default = job.metrics == default_metrics(point, metrics_of_first_version);
      value = is_first_default ? std::string(default_metrics_text) : write_metrics(job.metrics);
    } else {
      value = write_value(key, point);
    }
    if (!is_as_earlier(key, value)) {
      text += std::string(key.name) + " = " + value + "\n";
    }
  }
  return text;
}

std::string axes_lines(const Point& point) {
  const RunSpec& run = point.run;
  return "p = " + std::to_string(run.width) + "\nlambda = " + format_real(run.ridge) +
         "\nactivation = " + std::string(Activations::names[static_cast<std::size_t>(run.activation)]) +
         "\nrule = " + std::string(Rules::names[static_cast<std::size_t>(run.rule)]) +
         "\nseed = " + std::to_string(run.seed) + "\nstep-size = " + format_real(run.step_size) + "\n";
}

Job continue_job(const Job& stored, Job wanted) {
  if (wanted.has_default_metrics) {
    wanted.metrics = stored.metrics;
  }
  for (Grid& grid : wanted.grids) {
    for (const Grid& known : stored.grids) {
      grid.adopt_values(known);
    }
  }
  return wanted;
}

}  // namespace fasweep
