#include "sweep/keys.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "model/activation/list.hpp"
#include "model/batch_order.hpp"
#include "model/initial/list.hpp"
#include "model/layers.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/optimizer/list.hpp"
#include "model/rule/list.hpp"
#include "model/schedule/list.hpp"
#include "model/stop/list.hpp"
#include "model/teacher.hpp"
#include "sweep/formula.hpp"
#include "sweep/job_text.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

constexpr double max_width = 100'000'000;
constexpr double max_steps_limit = 1e15;
constexpr double max_seed = 0x1p53;

template <class Names>
std::string one_of(const Names& names) {
  return join(names, ", ");
}

template <class Names>
int read_name(std::string_view text, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw ConfigError("'" + std::string(text) + "' is not known" + suggest(text, names));
  }
  return static_cast<int>(found - names.begin());
}

bool has_teacher(const Point& point) {
  return point.data.source == DataSource::teacher;
}

bool has_random_steps(const Point& point) {
  return takes_minibatches(point.training, point.data) || point.training.dropout > 0;
}

/// A key of whole numbers from `low` to `high`. field: reference to the value in a point, const or not.
template <class Field>
Key whole_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
              std::string accepted, double low, double high, Field field) {
  Key key{.name = name,
          .column = column,
          .kind = KeyKind::whole,
          .default_text = default_text,
          .meaning = meaning,
          .accepted = std::move(accepted)};
  key.get = [field](const Point& point) { return static_cast<double>(field(point)); };
  key.set = [=](Point& point, double value) {
    if (value != std::round(value)) {
      throw ConfigError(format_real(value) + " is not a whole number (round() makes one)");
    }
    if (value < low || value > high) {
      throw ConfigError(format_real(value) + (value < 0 && low == 0 ? " is negative" : "") + ", not between " +
                        format_real(low) + " and " + format_real(high));
    }
    using Value = std::remove_reference_t<decltype(field(point))>;
    field(point) = static_cast<Value>(value);
  };
  return key;
}

/// A key of real numbers that `is_good` accepts; why: what is said of the others.
template <class Field, class Check>
Key real_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
             std::string accepted, Check is_good, std::string_view why, Field field) {
  Key key{.name = name,
          .column = column,
          .kind = KeyKind::real,
          .default_text = default_text,
          .meaning = meaning,
          .accepted = std::move(accepted)};
  key.get = [field](const Point& point) { return field(point); };
  key.set = [=](Point& point, double value) {
    if (!is_good(value)) {
      throw ConfigError(format_real(value) + " is " + std::string(why));
    }
    field(point) = value;
  };
  return key;
}

/// A key that chooses by name; field: an enum, an int or a bool.
template <class Names, class Field>
Key name_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
             std::string accepted, const Names& names, Field field) {
  Key key{.name = name,
          .column = column,
          .kind = KeyKind::name,
          .default_text = default_text,
          .meaning = meaning,
          .accepted = std::move(accepted)};
  key.names.assign(names.begin(), names.end());
  key.get = [field](const Point& point) { return static_cast<double>(static_cast<int>(field(point))); };
  key.set = [field](Point& point, double value) {
    using Value = std::remove_reference_t<decltype(field(point))>;
    field(point) = static_cast<Value>(static_cast<int>(value));
  };
  return key;
}

/// A number in a call, which may be a formula.
double read_argument(std::string_view text, const VariableValue& variables) {
  if (const std::optional<double> value = parse_real(text)) {
    return *value;
  }
  return evaluate(text, formula_names(), variables);
}

/// A schedule or stop rule: `name(value, ...)` of the list's types.
template <class List, class Kind>
void read_call(std::string_view text, const VariableValue& variables, Choice<Kind>& choice) {
  const std::optional<Call> call = parse_call(text);
  if (!call) {
    throw ConfigError("parentheses do not match");
  }
  List::visit(read_name(call->name, List::names), [&](auto type) {
    typename decltype(type)::type result;
    std::vector<double> values;
    for (const std::string_view argument : call->arguments) {
      values.push_back(read_argument(argument, variables));
    }
    if (!take_values(result, values)) {
      throw ConfigError(std::string(result.name) + " takes (" + join(result.parameters, ", ") + ")");
    }
    if (!result.valid()) {
      throw ConfigError(std::string(result.name) + " needs " + std::string(result.accepted));
    }
    choice = result;
  });
}

template <class List, class Kind>
std::string write_call(const Choice<Kind>& choice) {
  std::string text(List::names[static_cast<std::size_t>(choice.position())]);
  std::string_view before = "(";
  for (const double value : choice.values()) {
    text += std::string(before) + format_real(value);
    before = ", ";
  }
  return choice.values().empty() ? text : text + ")";
}

template <class List>
std::string accepted_calls() {
  std::string text;
  List::for_each([&](auto type) {
    using Type = typename decltype(type)::type;
    text += (text.empty() ? "" : ", ") + std::string(Type::name);
    text += Type::parameters.empty() ? "" : "(" + join(Type::parameters, ", ") + ")";
  });
  return text;
}

/// "gaussian: N(0,1); ..."
template <class List>
std::string accepted_laws() {
  std::string text;
  List::for_each([&](auto type) {
    using Law = typename decltype(type)::type;
    text += (text.empty() ? "" : "; ") + std::string(Law::name);
    text += Law::parameters.empty() ? "" : "(" + join(Law::parameters, ", ") + ")";
    text += ": " + std::string(Law::meaning);
  });
  return text;
}

template <class List, class Field>
Key call_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
             std::string accepted, Field field) {
  Key key{.name = name,
          .column = column,
          .kind = KeyKind::call,
          .default_text = default_text,
          .meaning = meaning,
          .accepted = std::move(accepted)};
  key.read = [field](Point& point, std::string_view text, const VariableValue& variables) {
    read_call<List>(text, variables, field(point));
  };
  key.write = [field](const Point& point) { return write_call<List>(field(point)); };
  return key;
}

std::vector<Key> grid_keys() {
  const std::string listed(list_grammar);
  Key p = whole_key(
      "grid.p", "p", "", "hidden units of the network", "numbers >= 1: " + listed, 1, max_width,
      [](auto& point) -> auto& { return point.run.width; });
  Key lambda = real_key(
      "grid.lambda", "lambda", "0", "ridge of the output weights", "numbers >= 0: " + listed,
      [](double value) { return value >= 0; }, "negative", [](auto& point) -> auto& { return point.run.ridge; });
  Key activation = name_key(
      "grid.activation", "activation", Relu::name, "psi of the hidden units", one_of(Activations::names),
      Activations::names, [](auto& point) -> auto& { return point.run.activation; });
  Key rule = name_key(
      "grid.rule", "rule", FeedbackAlignment::name, "how the error or the target teaches the hidden units",
      one_of(Rules::names), Rules::names, [](auto& point) -> auto& { return point.run.rule; });
  Key seed = whole_key(
      "grid.seed", "seed", "0", "random numbers of a run: data, initial weights, feedback, batches and masks",
      "whole numbers >= 0: " + listed, 0, max_seed, [](auto& point) -> auto& { return point.run.seed; });
  Key depth = whole_key(
      "grid.depth", "depth", "1", "hidden layers, each of p units", "numbers from 1 to 16: " + listed, 1, max_depth,
      [](auto& point) -> auto& { return point.training.depth; });
  depth.earlier_text = depth.default_text;
  for (Key* key : {&p, &activation, &seed}) {
    key->shapes_problem = true;
  }
  const Key zip{.name = "grid.zip",
                .default_text = "none",
                .meaning = "keys whose lists advance together instead of in all combinations",
                .accepted = "names of keys, groups separated by ;, or none: zip = n, d; rule, step-size"};
  const Key sample{.name = "grid.sample",
                   .default_text = "none",
                   .meaning = "points drawn from the keys' ranges, written uniform(a,b) or loguniform(a,b)",
                   .accepted = "sobol(count), random(count) or none"};
  return {p, lambda, activation, rule, seed, depth, zip, sample};
}

/// A whole-number key of DataSettings that a data set may decide.
template <class Field>
Key count_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
              double low, double high, Field field) {
  Key key = whole_key(name, column, default_text, meaning,
                      format_real(low) + ".." + std::to_string(static_cast<std::int64_t>(high)) +
                          "; all: as many as the data set contains",
                      low, high, field);
  key.words = {{"all", as_in_data}};
  key.set = [=, in_range = key.set](Point& point, double value) {
    if (value == as_in_data && !has_teacher(point)) {
      field(point) = as_in_data;
    } else if (value == as_in_data) {
      throw ConfigError("a teacher has no samples of its own");
    } else {
      in_range(point, value);
    }
  };
  key.set_default_text = "all";
  return key;
}

constexpr std::string_view default_path_text = "default";
constexpr std::string_view no_state = "none";
constexpr std::string_view unread = "unread";

/// Throws ConfigError if a job file cannot hold the text.
void require_storable(std::string_view text) {
  const bool has_control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' '; });
  if (text.empty() || has_control || !reads_back(text)) {
    throw ConfigError(
        "it is empty, or has a control character, ' #' or a look-alike of a space, which a job file holds only in "
        "quotation marks");
  }
}

constexpr std::string_view path_grammar =
    "a relative path starts from the current folder, '~/' from the home folder, and \"quotation marks\" are allowed "
    "around it";

/// A path as a job file holds it; `word` alone means something else.
std::string write_path(const std::string& path, std::string_view word) {
  const bool is_plain = reads_back(path) && read_quoted(path) == path && path != word;
  return is_plain ? path : write_quoted(path);
}

/// A key of a checksum. absent: the word for there being none. field: the optional checksum.
template <class Field>
Key checksum_key(std::string_view name, std::string_view absent, std::string_view meaning, Field field) {
  Key key{.name = name,
          .default_text = absent,
          .meaning = meaning,
          .accepted = "8 hexadecimal digits, or " + std::string(absent)};
  key.read = [=](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    field(point) = parse_checksum(text);
    if (!field(point) && text != absent) {
      throw ConfigError("not 8 hexadecimal digits");
    }
  };
  key.write = [=](const Point& point) { return field(point) ? format_checksum(*field(point)) : std::string(absent); };
  return key;
}

/// Where samples come from and what is done to them.
std::vector<Key> source_keys() {
  Key source = name_key(
      "data.source", "source", data_source_names[0], "where samples come from", one_of(data_source_names),
      data_source_names, [](auto& point) -> auto& { return point.data.source; });
  std::string folders;
  std::string files;
  for (const DataSourceTraits& set : data_sources) {
    if (!set.default_path.empty()) {
      folders +=
          (folders.empty() ? "" : ", ") + std::string(set.name) + " (default " + std::string(set.default_path) + ")";
    } else if (set.format != DataFormat::none) {
      files += (files.empty() ? "" : ", ") + std::string(set.name);
    }
  }
  Key path{
      .name = "data.path",
      .default_text = default_path_text,
      .meaning = "where the data set is; not part of the plan",
      .accepted = "the folder of " + folders + ", the file or folder of " + files + "; " + std::string(path_grammar)};
  path.read = [](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    require_storable(text);
    // Without a default it is empty, and the data keys are refused.
    point.data.path = text == default_path_text ? traits_of(point.data.source).default_path : read_quoted(text);
  };
  path.write = [](const Point& point) { return write_path(point.data.path, default_path_text); };
  Key targets = name_key(
      "data.targets", "targets", targets_names[1], "what the targets are",
      one_of(targets_names) + "; classes are labels 0..k-1", targets_names,
      [](auto& point) -> auto& { return point.data.targets; });
  Key normalize = name_key(
      "data.normalize", "normalize", normalize_names[1],
      "whether inputs are normalised by mean and standard deviation of the training samples", one_of(normalize_names),
      normalize_names, [](auto& point) -> auto& { return point.data.normalize; });
  const Key checksum = checksum_key(
      "data.checksum", unread, "checksum of the data set, found by reading it",
      [](auto& point) -> auto& { return point.data.checksum; });
  path.finds_data = true;
  std::vector<Key> keys{source, path, targets, normalize, checksum};
  for (std::size_t i = 1; i < keys.size(); ++i) {
    keys[i].use = KeyUse::sets;
  }
  return keys;
}

Split read_split(std::string_view text) {
  const std::optional<Call> call = parse_call(text);
  if (!call) {
    throw ConfigError("parentheses do not match");
  }
  Split split{static_cast<SplitLaw>(read_name(call->name, split_names)), 0};
  if (call->arguments.size() != (split.law == SplitLaw::last ? 0U : 1U)) {
    throw ConfigError(std::string(call->name) + (split.law == SplitLaw::last ? " takes no seed" : " takes one seed"));
  }
  if (split.law != SplitLaw::last) {
    const std::optional<std::int64_t> seed = parse_integer(call->arguments.front());
    if (!seed || *seed < 0 || static_cast<double>(*seed) > max_seed) {
      throw ConfigError("'" + std::string(call->arguments.front()) + "' is not a whole number from 0 to 2^53");
    }
    split.seed = *seed;
  }
  return split;
}

std::string write_split(const Split& split) {
  const std::string name(split_names[static_cast<std::size_t>(split.law)]);
  return split.law == SplitLaw::last ? name : name + "(" + std::to_string(split.seed) + ")";
}

/// What a table means where its file does not say it, and which of its samples train.
std::vector<Key> reading_keys() {
  Key target{
      .name = "data.target",
      .default_text = automatic_target,
      .meaning = "columns of the targets",
      .accepted =
          "a name in the header or a number from 1, or several separated by commas; last: the last ones; auto: the "
          "last ones, unless a name says otherwise",
      .use = KeyUse::csv};
  target.read = [](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    require_storable(text);
    point.data.target = text;
  };
  target.write = [](const Point& point) { return point.data.target; };
  Key header = name_key(
      "data.header", "", header_names[0], "whether the first line holds names", one_of(header_names), header_names,
      [](auto& point) -> auto& { return point.data.header; });
  header.use = KeyUse::csv;
  Key split{
      .name = "data.split",
      .default_text = split_names[0],
      .meaning = "which samples of a table train",
      .accepted =
          "last: the first samples train, and the last ones are held out of a table without test samples of its own; "
          "shuffled(seed): in random order; stratified(seed): in random order, with each class's share in every part",
      .use = KeyUse::sets};
  split.read = [](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    point.data.split = read_split(text);
  };
  split.write = [](const Point& point) { return write_split(point.data.split); };
  std::vector<Key> keys{target, header, split};
  for (Key& key : keys) {
    key.earlier_text = key.default_text;
    key.finds_data = true;
    key.is_unsaid_as_earlier = true;
  }
  return keys;
}

/// A key of seeds that is `seed` unless it is given.
template <class Field>
Key seed_key(std::string_view name, std::string_view column, std::string_view meaning, Field field) {
  constexpr double as_seed = -1;
  Key key{.name = name,
          .column = column,
          .kind = KeyKind::whole,
          .default_text = "seed",
          .meaning = meaning,
          .accepted = "a whole number >= 0, or 'seed': the run's",
          .earlier_text = "seed"};
  key.words = {{"seed", as_seed}};
  key.get = [=](const Point& point) { return field(point) ? static_cast<double>(*field(point)) : as_seed; };
  key.set = [=](Point& point, double value) {
    if (value != std::round(value) || value < as_seed || value > max_seed) {
      throw ConfigError(format_real(value) + " is not a whole number >= 0");
    }
    field(point) = value == as_seed ? std::nullopt : std::optional(static_cast<std::int64_t>(value));
  };
  return key;
}

std::vector<Key> sample_keys() {
  Key outputs = count_key(
      "data.outputs", "k", "1", "k, targets or classes of each sample", 1, max_outputs,
      [](auto& point) -> auto& { return point.data.outputs; });
  outputs.earlier_text = "1";
  Key inputs = name_key(
      "data.inputs", "input_law", input_law_names[0], "law of a teacher's inputs, which the paper leaves open",
      one_of(input_law_names) + ": N(0,1) or N(0,1/d)", input_law_names,
      [](auto& point) -> auto& { return point.data.input_law; });
  Key noise = real_key(
      "data.label-noise", "label_noise", "0", "standard deviation of noise added to training targets", "a number >= 0",
      [](double value) { return value >= 0; }, "not a number >= 0",
      [](auto& point) -> auto& { return point.data.label_noise; });
  Key teacher = whole_key(
      "data.teacher-width", "teacher_width", "width", "hidden units of the teacher",
      "a number >= 1, or 'width': as many as the student", 0, max_width,
      [](auto& point) -> auto& { return point.data.teacher_width; });
  teacher.words = {{"width", 0}};
  Key draw = name_key(
      "data.draw", "draw", data_draw_names[0],
      "whether a teacher of fixed width and its data are the same for every p, or drawn again for each, as in version "
      "0.1",
      one_of(data_draw_names), data_draw_names, [](auto& point) -> auto& { return point.data.draw; });
  draw.earlier_text = data_draw_names[1];
  draw.matters = [](const Point& point) { return point.data.teacher_width > 0; };
  Key law = call_key<TeacherLaws>(
      "data.teacher", "teacher", NetworkTeacher::name, "targets f0 of a teacher, of M hidden units",
      accepted_laws<TeacherLaws>(), [](auto& point) -> auto& { return point.data.teacher; });
  law.earlier_text = law.default_text;
  Key samples = name_key(
      "data.samples", "samples", sampling_names[0],
      "whether steps train on n samples that are drawn once, or each on batch-size samples of its own, while n others "
      "that are never trained on stay for the metrics of training samples",
      one_of(sampling_names), sampling_names, [](auto& point) -> auto& { return point.data.sampling; });
  samples.earlier_text = samples.default_text;
  for (Key* key : {&inputs, &noise, &teacher, &draw, &law, &samples}) {
    key->use = KeyUse::teachers;
  }
  Key seed = seed_key(
      "data.seed", "data_seed", "seed of the data and the teacher",
      [](auto& point) -> auto& { return point.run.data_seed; });
  seed.use = KeyUse::teachers;
  return {count_key(
              "data.n", "n", "50", "training samples", 1, max_samples,
              [](auto& point) -> auto& { return point.data.samples; }),
          count_key(
              "data.d", "d", "150", "inputs of each sample", 1, max_inputs,
              [](auto& point) -> auto& { return point.data.inputs; }),
          outputs,
          count_key(
              "data.test-n", "test_n", "0", "held-out samples", 0, max_samples,
              [](auto& point) -> auto& { return point.data.test_samples; }),
          inputs,
          noise,
          teacher,
          draw,
          law,
          samples,
          seed};
}

constexpr std::array<std::string_view, 2> no_yes{"no", "yes"};

/// How what teaches the hidden layers comes to them.
std::vector<Key> rule_keys() {
  return {
      whole_key(
          "training.error-delay", "error_delay", "0",
          "steps until the errors reach the hidden layers: e(t - tau) teaches at step t, and nothing before the first "
          "has come",
          "whole numbers from 0 to " + std::to_string(max_error_delay) + ", in full batch", 0, max_error_delay,
          [](auto& point) -> auto& { return point.training.error_delay; }),
      real_key(
          "training.mirror-step-size", "mirror_step_size", "0.001",
          "step size a of b under weight-mirror: b <- b + a (mean_j xi_j (xi_j beta) - c b) after each step, xi_j ~ "
          "N(0,1)",
          "a number > 0", [](double value) { return value > 0; }, "not a positive number",
          [](auto& point) -> auto& { return point.training.mirror_step_size; }),
      real_key(
          "training.mirror-decay", "mirror_decay", "1", "decay c of b under weight-mirror, which ends about beta / c",
          "a number >= 0", [](double value) { return value >= 0; }, "negative",
          [](auto& point) -> auto& { return point.training.mirror_decay; }),
      whole_key(
          "training.mirror-samples", "mirror_samples", "1", "samples xi_j of noise in each step under weight-mirror",
          "whole numbers from 1 to " + std::to_string(max_mirror_samples), 1, max_mirror_samples,
          [](auto& point) -> auto& { return point.training.mirror_samples; }),
      real_key(
          "training.target-step-size", "target_step_size", "0.1",
          "step size a of the last target under target propagation: H_L - a dL/dH_L, or f - a dL/df of the outputs",
          "a number > 0; with squared loss f - a dL/df is y at 1", [](double value) { return value > 0; },
          "not a positive number", [](auto& point) -> auto& { return point.training.target_step_size; }),
      real_key(
          "training.inverse-step-size", "inverse_step_size", "0.01",
          "step size of inverse layers under target propagation, of the mean over the batch", "a number >= 0; 0: fixed",
          [](double value) { return value >= 0; }, "negative",
          [](auto& point) -> auto& { return point.training.inverse_step_size; }),
      real_key(
          "training.inverse-noise", "inverse_noise", "0.1",
          "standard deviation of the noise in what inverse layers learn to give back", "a number >= 0",
          [](double value) { return value >= 0; }, "negative",
          [](auto& point) -> auto& { return point.training.inverse_noise; }),
      name_key(
          "training.inverse-updates", "inverse_updates", inverse_updates_names[0],
          "whether inverse layers learn in the same step as forward layers, or before the targets that these learn by",
          one_of(inverse_updates_names), inverse_updates_names,
          [](auto& point) -> auto& { return point.training.inverse_updates; }),
  };
}

constexpr std::array<std::string_view, 3> decay_names{"output", "all", "layers"};

Decay read_decay(std::string_view text) {
  const std::optional<Call> call = parse_call(text);
  if (!call) {
    throw ConfigError("parentheses do not match");
  }
  const std::string_view name = decay_names[static_cast<std::size_t>(read_name(call->name, decay_names))];
  if ((name == "layers") == call->arguments.empty()) {
    throw ConfigError(name == "layers" ? "it names no layer" : "'" + std::string(name) + "' takes no layers");
  }
  if (name != "layers") {
    return name == "all" ? Decay::all : Decay::output;
  }
  Decay decay{0};
  for (const std::string_view argument : call->arguments) {
    const std::optional<std::int64_t> layer = argument == "output" ? 0 : parse_integer(argument);
    if (!layer || *layer > max_depth || (*layer < 1 && argument != "output")) {
      throw ConfigError("'" + std::string(argument) + "' is neither a hidden layer from 1 to " +
                        std::to_string(max_depth) + " nor output");
    }
    if (decay.reaches(static_cast<int>(*layer))) {
      throw ConfigError("'" + std::string(argument) + "' stands there twice");
    }
    decay.layers |= 1U << static_cast<unsigned>(*layer);
  }
  return decay;
}

std::string write_decay(Decay decay) {
  if (decay == Decay::output || decay == Decay::all) {
    return decay == Decay::all ? "all" : "output";
  }
  std::string layers;
  for (int layer = 1; layer <= max_depth; ++layer) {
    if (decay.reaches(layer)) {
      layers += (layers.empty() ? "" : ", ") + std::to_string(layer);
    }
  }
  return "layers(" + layers + (decay.reaches_output() ? ", output)" : ")");
}

Key decay_key() {
  Key key{.name = "training.decay",
          .column = "decay",
          .kind = KeyKind::call,
          .default_text = "output",
          .meaning = "what lambda decays",
          .accepted =
              "output: beta; all: beta and every W; or those of a list of hidden layers from 1 on and output: "
              "layers(1, 3, output)",
          .words = {{"output", 0}}};
  key.read = [](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    point.training.decay = read_decay(text);
  };
  key.write = [](const Point& point) { return write_decay(point.training.decay); };
  return key;
}

template <class Field>
Key law_key(std::string_view name, std::string_view column, std::string_view default_text, std::string_view meaning,
            Field field) {
  Key key = call_key<WeightLaws>(name, column, default_text, meaning, accepted_laws<WeightLaws>(), field);
  key.shapes_problem = true;
  return key;
}

/// The file of weights that a run begins with, and what is in it.
std::vector<Key> state_keys() {
  Key path{
      .name = "training.initial-state",
      .default_text = no_state,
      .meaning =
          "file of the W, beta, b and biases that runs begin with in place of drawn ones; not part of the "
          "plan",
      .accepted =
          "none, or an HDF5 file of one hidden layer, as fasweep state writes it, of which the last step counts; " +
          std::string(path_grammar)};
  path.read = [](Point& point, std::string_view text, const VariableValue& /*variables*/) {
    require_storable(text);
    point.training.initial_state.path = text == no_state ? "" : read_quoted(text);
  };
  path.write = [](const Point& point) {
    const std::string& place = point.training.initial_state.path;
    return place.empty() ? std::string(no_state) : write_path(place, no_state);
  };
  path.finds_data = true;
  Key checksum = checksum_key(
      "training.initial-checksum", no_state, "checksum of the initial state, found by reading it",
      [](auto& point) -> auto& { return point.training.initial_state.checksum; });
  checksum.column = "initial_checksum";
  std::vector<Key> keys{path, checksum};
  for (Key& key : keys) {
    key.shapes_problem = true;
    key.is_unsaid_as_earlier = true;
  }
  return keys;
}

/// What sets a network apart from the paper's one output in full batch.
std::vector<Key> network_keys() {
  Key batch = whole_key(
      "training.batch-size", "batch_size", "all", "samples per step", "1..n, or 'all'; any number of fresh samples", 0,
      max_samples, [](auto& point) -> auto& { return point.training.batch_size; });
  batch.words = {{"all", 0}};
  Key richness = real_key(
      "training.richness", "richness", "lazy",
      "how far hidden weights move while outputs learn, g: the scales beta(0) ~ N(0, 1/(g^2 p)) and b ~ N(0, g^2 p), "
      "and where beta is sent back, g^2 p times the step size of W, where its signs are, g sqrt(p) times",
      "lazy: beta(0), b ~ N(0,1), as in the paper, which is g = 1/sqrt(p); or a number > 0, the same for every width",
      [](double value) { return value >= lazy; }, "not a number > 0",
      [](auto& point) -> auto& { return point.training.richness; });
  richness.words = {{"lazy", lazy}};
  richness.shapes_problem = true;
  Key correlation = real_key(
      "training.feedback-correlation", "feedback_correlation", "0",
      "correlation rho of b and beta(0): rho beta(0) + sqrt(1 - rho^2) b in the units of b, b drawn as for 0",
      "-1 <= rho <= 1; b is beta(0) at 1", [](double value) { return value >= -1 && value <= 1; },
      "not a number from -1 to 1", [](auto& point) -> auto& { return point.training.feedback_correlation; });
  correlation.shapes_problem = true;
  std::vector<Key> keys{
      name_key(
          "training.loss", "loss_function", loss_function_names[0], "loss of a sample", one_of(loss_function_names),
          loss_function_names, [](auto& point) -> auto& { return point.training.loss; }),
      name_key(
          "training.reduction", "reduction", reduction_names[0], "how the losses of a batch's samples are combined",
          one_of(reduction_names), reduction_names, [](auto& point) -> auto& { return point.training.reduction; }),
      batch,
      name_key(
          "training.sample-order", "sample_order", sample_order_names[0],
          "order in which the minibatches of an epoch take the samples", one_of(sample_order_names), sample_order_names,
          [](auto& point) -> auto& { return point.training.sample_order; }),
      name_key(
          "training.last-batch", "last_batch", last_batch_names[0],
          "what becomes of the samples of an epoch that do not fill a minibatch", one_of(last_batch_names),
          last_batch_names, [](auto& point) -> auto& { return point.training.last_batch; }),
      real_key(
          "training.dropout", "dropout", "0", "probability q of dropping a hidden unit, drawn for each sample and step",
          "0 <= q < 1", [](double value) { return value >= 0 && value < 1; },
          "not a number from 0 up to but not including 1", [](auto& point) -> auto& { return point.training.dropout; }),
      name_key(
          "training.output-scale", "output_scale", output_scale_names[0], "scale of the outputs f",
          one_of(output_scale_names) + ": f = H beta / sqrt(p) or H beta", output_scale_names,
          [](auto& point) -> auto& { return point.training.output_scale; }),
      law_key(
          "training.initial-weights", "initial_weights", GaussianLaw::name,
          "law of W(0), whose fan-in is d and fan-out p; after the first hidden layer p and p",
          [](auto& point) -> auto& { return point.training.initial_weights; }),
      law_key(
          "training.initial-output", "initial_output", GaussianLaw::name, "law of beta(0): fan-in p, fan-out k",
          [](auto& point) -> auto& { return point.training.initial_output; }),
      law_key(
          "training.initial-feedback", "initial_feedback", GaussianLaw::name,
          "law of b, which takes k errors in and gives p signals out; between hidden layers p and p",
          [](auto& point) -> auto& { return point.training.initial_feedback; }),
      richness,
      correlation,
      name_key(
          "training.biases", "biases", no_yes[0], "biases of hidden units and outputs", one_of(no_yes), no_yes,
          [](auto& point) -> auto& { return point.training.biases; }),
      law_key(
          "training.initial-biases", "initial_biases", ZeroLaw::name,
          "law of the biases at the start, with the fan-in and fan-out of their layer's weights",
          [](auto& point) -> auto& { return point.training.initial_biases; }),
      decay_key(),
      real_key(
          "training.output-step-factor", "output_step_factor", "1",
          "factor of the step size in the steps of beta and of the output biases, and of b where it takes beta's; "
          "lambda decays by the step size itself",
          "a number > 0", [](double value) { return value > 0; }, "not a positive number",
          [](auto& point) -> auto& { return point.training.output_step_factor; }),
  };
  for (std::vector<Key> more : std::array{state_keys(), rule_keys()}) {
    std::move(more.begin(), more.end(), std::back_inserter(keys));
  }
  for (Key& key : keys) {
    key.earlier_text = key.default_text;
  }
  Key seed = seed_key(
      "training.seed", "training_seed", "seed of initial weights, feedback, batches and masks",
      [](auto& point) -> auto& { return point.run.training_seed; });
  seed.shapes_problem = true;
  keys.push_back(seed);
  return keys;
}

/// "linear:1e-04, relu:0.001, ..."
const std::string& default_step_sizes() {
  static const std::string text = [] {
    std::string list;
    Activations::for_each([&](auto type) {
      using Type = typename decltype(type)::type;
      list += (list.empty() ? "" : ", ") + std::string(Type::name) + ":" + format_real(Type::step_size);
    });
    return list;
  }();
  return text;
}

/// The step size that "relu:1e-3, tanh:1e-2" gives an activation; its own default if the list does not name it.
double step_size_of(std::string_view list, int activation) {
  double step_size = Activations::visit(activation, [](auto type) { return decltype(type)::type::step_size; });
  std::vector<double> named;
  for (const std::string_view item : split(list, ',')) {
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos) {
      throw ConfigError("'" + std::string(item) + "' names no activation");
    }
    named.push_back(read_name(trim(item.substr(0, colon)), Activations::names));
    const std::string_view number = trim(item.substr(colon + 1));
    const std::optional<double> value = parse_real(number);
    if (!value || *value <= 0) {
      throw ConfigError("'" + std::string(number) + "' is not a positive number");
    }
    step_size = named.back() == activation ? *value : step_size;
  }
  reject_repeats(named);
  return step_size;
}

std::vector<Key> training_keys() {
  Key step_size = real_key(
      "training.step-size", "step_size", default_step_sizes(), "step size eta",
      "a number > 0, or one for each activation: " + default_step_sizes(), [](double value) { return value > 0; },
      "not a positive number", [](auto& point) -> auto& { return point.run.step_size; });
  Key step_schedule = call_key<Schedules>(
      "training.step-schedule", "step_schedule", ConstantSchedule::name, "eta(t) / eta, by step",
      accepted_calls<Schedules>(), [](auto& point) -> auto& { return point.training.step_schedule; });
  step_schedule.earlier_text = ConstantSchedule::name;
  Key optimizer = call_key<Optimizers>(
      "training.optimizer", "optimizer", GradientDescent::name, "what a step makes of the gradient",
      accepted_calls<Optimizers>(), [](auto& point) -> auto& { return point.training.optimizer; });
  optimizer.earlier_text = GradientDescent::name;
  Key max_steps = whole_key(
      "training.max-steps", "max_steps", "20000", "steps after which a run ends",
      "a number >= 0, or 'k epochs': k passes over the training samples", 0, max_steps_limit,
      [](auto& point) -> auto& { return point.training.max_steps; });
  return {
      step_size,
      call_key<Schedules>(
          "training.schedule", "schedule", ConstantSchedule::name, "lambda(t) / lambda, by step",
          accepted_calls<Schedules>(), [](auto& point) -> auto& { return point.training.schedule; }),
      step_schedule,
      optimizer,
      max_steps,
      call_key<StopRules>(
          "training.stop", "stop_rule", NeverStop::name, "when a run ends before max-steps",
          accepted_calls<StopRules>(), [](auto& point) -> auto& { return point.training.stop; }),
      name_key(
          "training.precision", "precision", precision_names[0], "arithmetic of the training", one_of(precision_names),
          precision_names, [](auto& point) -> auto& { return point.training.precision; }),
      // After max-steps and test-n, on which their meaning depends.
      {.name = "record.steps",
       .default_text = "log(200)",
       .meaning = "steps at which metrics are recorded",
       .accepted =
           "log(k) or linear(k): about k steps; every(k): every k-th step; epochs(k): the start of every k-th epoch"},
      {.name = "record.metrics",
       .default_text = "default",
       .meaning = "what is recorded for each run",
       .accepted =
           "default: all that apply, except, with minibatches, those that need a pass over the training set; or a "
           "list of " +
           one_of(Metrics::names)},
  };
}

// What formulas may use beside the numbers of keys, and the keys that it follows from.
constexpr std::string_view epoch_name = "epoch";
constexpr std::array<std::string_view, 4> epoch_keys{"data.n", "data.samples", "training.batch-size",
                                                     "training.last-batch"};
constexpr std::string_view theorem_sum_name = "theorem-sum";
constexpr std::array<std::string_view, 5> theorem_sum_keys{"grid.p", "data.n", "data.d", "data.inputs",
                                                           "training.step-size"};

/// S = gamma sqrt(gamma p) / (eta sqrt(n) M) of Theorems 4.3 and 4.6 (Song, Xu, Lafferty 2021) for the constant 1: what
/// the ridge may sum up to. gamma and M are the edges of the spectrum of X X^T of Gaussian inputs (Marchenko, Pastur
/// 1967), of those eigenvalues that are not 0.
double theorem_sum(const Point& point) {
  const double n = point.data.samples;
  const double d = point.data.inputs;
  const double variance = point.data.input_law == InputLaw::gaussian ? 1 : 1 / d;
  const double gamma = variance * std::pow(std::sqrt(d) - std::sqrt(n), 2);
  const double most = variance * std::pow(std::sqrt(d) + std::sqrt(n), 2);
  return gamma * std::sqrt(gamma * point.run.width) / (point.run.step_size * std::sqrt(n) * most);
}

/// Values of a run by the names that formulas use.
VariableValue variables_at(const Point& point) {
  return [&point](std::string_view name) -> double {
    if (name == epoch_name && point.data.sampling == Sampling::fresh) {
      throw ConfigError("fresh samples have no epochs; count steps");
    }
    if (name == epoch_name) {
      return static_cast<double>(steps_an_epoch(point.training, point.data));
    }
    if (name == theorem_sum_name) {
      return theorem_sum(point);
    }
    for (const Key& key : all_keys()) {
      if (key.is_number() && (key.short_name() == name || key.column == name)) {
        return key.get(point);
      }
    }
    throw ConfigError("'" + std::string(name) + "' is not a value of a run" + suggest(name, formula_names()) +
                      "; formulas know " + join(formula_names(), ", "));
  };
}

bool is_list_of_activations(const Key& key, std::string_view text) {
  return key.name == "training.step-size" && text.find(':') != std::string_view::npos;
}

/// Whether b and the weights that feedback-correlation mixes it with are of one law.
bool mixes_equals(const Point& point) {
  const TrainingSettings& training = point.training;
  const auto inner = [&](const WeightLaw& law) { return inner_law(law, training, point.run.width); };
  return training.initial_feedback == training.initial_output &&
         (training.depth == 1 || inner(training.initial_feedback) == inner(training.initial_weights));
}

/// What has no meaning where every step draws samples of its own.
template <class Refuse>
void check_fresh(const Point& point, Refuse refuse) {
  if (point.training.batch_size == 0) {
    refuse("training.batch-size", "a step cannot take all fresh samples, which never end; write a number");
  }
  if (point.training.sample_order != SampleOrder::shuffled) {
    refuse("training.sample-order", "fresh samples come in the one order in which they are drawn");
  }
  if (point.training.last_batch != LastBatch::kept) {
    refuse("training.last-batch", "of fresh samples none is left over");
  }
}

/// Keys that say how initial weights are drawn.
constexpr std::array<std::string_view, 6> drawing_keys{"training.initial-weights",  "training.initial-output",
                                                       "training.initial-feedback", "training.richness",
                                                       "training.initial-biases",   "training.feedback-correlation"};

/// Throws ConfigError if a run that begins with weights of a file has other values that mean nothing then.
void check_initial_state(const Point& point) {
  const std::string state = write_value(key_called("training.initial-state"), point);
  const auto refuse = [&](std::string_view name, const std::string& why, const std::string& what_to_do) {
    throw ConfigError("key '" + std::string(name) + "' = '" + write_value(key_called(name), point) +
                      "' is not accepted (" + why + "); " + what_to_do);
  };
  if (state == no_state) {
    if (point.training.initial_state.checksum) {
      refuse("training.initial-checksum", "there is no initial state", "set training.initial-state, or leave it out");
    }
    return;
  }
  if (point.training.depth > 1) {
    refuse("grid.depth", "training.initial-state '" + state + "' holds one hidden layer",
           "write 1, or leave training.initial-state out");
  }
  for (const std::string_view name : drawing_keys) {
    if (const Key& key = key_called(name); write_value(key, point) != key.default_text) {
      refuse(name, "training.initial-state '" + state + "' says what the weights are", "leave one of the two out");
    }
  }
}

/// A value whose meaning depends on other values of the run.
void apply_formula(const Key& key, std::string_view text, Point& point) {
  if (is_list_of_activations(key, text)) {
    key.set(point, step_size_of(text, point.run.activation));
  } else {
    key.set(point, evaluate(text, formula_names(), variables_at(point)));
  }
}

}  // namespace

std::string refusal(const Key& key, std::string_view value, std::string_view why) {
  return "key '" + std::string(key.name) + "' = '" + std::string(value) + "' is not accepted (" + std::string(why) +
         "); write " + key.accepted;
}

const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = grid_keys();
    for (std::vector<Key>& section :
         std::array{source_keys(), reading_keys(), sample_keys(), network_keys(), training_keys()}) {
      std::move(section.begin(), section.end(), std::back_inserter(all));
    }
    for (Key& key : all) {
      key.shapes_problem = key.shapes_problem || key.name.starts_with("data.");
    }
    return all;
  }();
  return keys;
}

const Key& find_key(std::string_view name, std::string_view origin) {
  const std::vector<Key>& keys = all_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  if (found == keys.end()) {
    std::vector<std::string_view> names;
    names.reserve(keys.size());
    for (const Key& key : keys) {
      names.push_back(key.name);
    }
    // A key without its section, or in another one.
    const auto own_name = [](std::string_view full) { return full.substr(full.find('.') + 1); };
    const auto meant = std::find_if(names.begin(), names.end(),
                                    [&](std::string_view known) { return own_name(known) == own_name(name); });
    throw ConfigError("unknown key '" + std::string(name) + "' in '" + std::string(origin) + "' (no such key" +
                      suggest(meant == names.end() ? name : *meant, names) + "); write one of " + join(names, ", "));
  }
  return *found;
}

const Key& key_called(std::string_view name) {
  return find_key(name, "the program");
}

const std::vector<const Key*>& paper_axes() {
  static const std::vector<const Key*> keys{&key_called("grid.p"), &key_called("grid.lambda"),
                                            &key_called("grid.activation"), &key_called("grid.rule"),
                                            &key_called("grid.seed")};
  return keys;
}

bool is_paper_axis(const Key& key) {
  return std::find(paper_axes().begin(), paper_axes().end(), &key) != paper_axes().end();
}

bool is_setting(const Key& key) {
  const bool is_structure = key.name == "grid.zip" || key.name == "grid.sample";
  return !is_paper_axis(key) && !is_structure && key.name != "training.step-size";
}

bool applies(const Key& key, DataSource source) {
  switch (key.use) {
    case KeyUse::teachers:
      return source == DataSource::teacher;
    case KeyUse::sets:
      return source != DataSource::teacher;
    case KeyUse::csv:
      return source == DataSource::csv;
    default:
      return true;
  }
}

std::string write_number(const Key& key, double value) {
  for (const auto& [word, number] : key.words) {
    if (value == number) {
      return std::string(word);
    }
  }
  if (key.kind == KeyKind::name) {
    return std::string(key.names.at(static_cast<std::size_t>(value)));
  }
  return key.kind == KeyKind::whole ? std::to_string(static_cast<std::int64_t>(value)) : format_real(value);
}

std::string write_value(const Key& key, const Point& point) {
  return key.write ? key.write(point) : write_number(key, key.get(point));
}

void apply_number(const Key& key, double value, Point& point) {
  with_refusal(key, write_number(key, value), [&] { key.set(point, value); });
}

void apply_value(const Key& key, std::string_view text, Point& point) {
  with_refusal(key, text, [&] {
    if (key.read) {
      key.read(point, text, variables_at(point));
    } else if (key.kind == KeyKind::name) {
      key.set(point, read_name(text, key.names));
    } else if (key.is_number()) {
      const auto word =
          std::find_if(key.words.begin(), key.words.end(), [&](const auto& entry) { return entry.first == text; });
      const std::optional<double> number = word == key.words.end() ? parse_real(text) : std::optional(word->second);
      if (number) {
        key.set(point, *number);
      } else {
        apply_formula(key, text, point);
      }
    }
  });
}

ValueList parse_list(const Key& key, std::string_view text) {
  return with_refusal(key, text, [&] {
    ValueList list;
    if (trim(text).empty()) {
      throw ConfigError("the list is empty");
    }
    if (is_list_of_activations(key, text)) {
      static_cast<void>(step_size_of(text, 0));  // throws now rather than for a run
      list.numbers.push_back(std::numeric_limits<double>::quiet_NaN());
      list.formulas.emplace(0, text);
    } else if (key.is_number()) {
      constexpr std::string_view unit = "epochs";
      std::string spelled;
      for (const std::string_view item : split(text, ',')) {
        const bool counts_epochs = key.name == "training.max-steps" && item.ends_with(unit);
        spelled += spelled.empty() ? "" : ", ";
        spelled += counts_epochs
                       ? std::string(trim(item.substr(0, item.size() - unit.size()))) + " * " + std::string(epoch_name)
                       : std::string(item);
      }
      list = parse_values(spelled, key.kind == KeyKind::whole ? NumberKind::whole : NumberKind::real,
                          [&](std::string_view word) -> std::optional<double> {
                            for (const auto& [known, number] : key.words) {
                              if (known == word) {
                                return number;
                              }
                            }
                            return std::nullopt;
                          });
      for (const auto& [position, formula] : list.formulas) {
        static_cast<void>(keys_in_formula(key, formula));  // every variable is known
      }
    } else {
      for (const std::string_view item : split(text, ',')) {
        if (key.kind == KeyKind::name) {
          list.numbers.push_back(read_name(item, key.names));
        } else {
          list.formulas.emplace(static_cast<std::int64_t>(list.numbers.size()), item);
          list.numbers.push_back(std::numeric_limits<double>::quiet_NaN());
        }
      }
    }
    return list;
  });
}

const std::vector<std::string_view>& formula_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list{epoch_name, theorem_sum_name};
    for (const Key& key : all_keys()) {
      if (key.is_number() && std::find(list.begin(), list.end(), key.short_name()) == list.end()) {
        list.push_back(key.short_name());
      }
    }
    list.push_back(key_called("data.outputs").column);
    std::sort(list.begin(), list.end());
    return list;
  }();
  return names;
}

std::vector<const Key*> keys_in_formula(const Key& key, std::string_view text) {
  if (is_list_of_activations(key, text)) {
    return {&key_called("grid.activation")};
  }
  std::vector<std::string> names;
  if (key.kind == KeyKind::call) {
    const std::optional<Call> call = parse_call(text);
    for (const std::string_view argument : call ? call->arguments : std::vector<std::string_view>()) {
      const bool is_word = std::ranges::any_of(key.words, [&](const auto& word) { return word.first == argument; });
      if (!parse_real(argument) && !is_word) {
        const std::vector<std::string> more = variables_of(argument, formula_names());
        names.insert(names.end(), more.begin(), more.end());
      }
    }
  } else if (key.is_number()) {
    names = variables_of(text, formula_names());
  }
  std::vector<const Key*> used;
  for (const std::string& name : names) {
    if (name == epoch_name || name == theorem_sum_name) {
      const std::span<const std::string_view> keys =
          name == epoch_name ? std::span<const std::string_view>(epoch_keys) : theorem_sum_keys;
      std::transform(keys.begin(), keys.end(), std::back_inserter(used),
                     [](std::string_view other) { return &key_called(other); });
      continue;
    }
    const std::vector<Key>& keys = all_keys();
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& other) {
      return other.is_number() && (other.short_name() == name || other.column == name);
    });
    if (found == keys.end()) {
      throw ConfigError("'" + name + "' is not a value of a run" + suggest(name, formula_names()) + "; formulas know " +
                        join(formula_names(), ", "));
    }
    used.push_back(&*found);
  }
  return used;
}

void check_together(const Point& point) {
  const auto refuse = [&](std::string_view name, std::string_view why) {
    const Key& key = key_called(name);
    throw ConfigError(refusal(key, write_value(key, point), why));
  };
  if (point.data.sampling == Sampling::fresh) {
    check_fresh(point, refuse);
  } else if (point.training.batch_size > point.data.samples && point.data.samples != as_in_data) {
    refuse("training.batch-size", "not between 1 and " + std::to_string(point.data.samples));
  }
  if (point.data.teacher_width > 0 && teacher_units(point.data, point.run.width) == 0) {
    refuse("data.teacher-width", "a linear map has no hidden units");
  }
  const bool needs_classes =
      visit_loss(point.training.loss, [](auto type) { return decltype(type)::type::needs_classes; });
  if (needs_classes && point.data.targets != Targets::classes) {
    refuse("training.loss", "the targets are numbers, not classes");
  }
  if (point.training.richness != lazy && point.training.output_scale != OutputScale::root_width) {
    refuse("training.richness", "it is of networks with output-scale = root-width");
  }
  if (point.training.error_delay > 0 && takes_minibatches(point.training, point.data)) {
    refuse("training.error-delay",
           "late errors are those of all samples, but a minibatch has other samples every step");
  }
  for (int layer = point.training.depth + 1; layer <= max_depth && point.training.decay != Decay::all; ++layer) {
    if (point.training.decay.reaches(layer)) {
      refuse("training.decay",
             "there is no layer " + std::to_string(layer) + " at depth " + std::to_string(point.training.depth));
    }
  }
  if (!point.training.biases && point.training.initial_biases != zero_weights()) {
    refuse("training.initial-biases", "the network has none; biases = yes gives it some");
  }
  if (point.training.feedback_correlation != 0 && !mixes_equals(point)) {
    refuse("training.feedback-correlation",
           "it mixes b with weights of the same law, but initial-feedback is another than initial-output" +
               std::string(point.training.depth > 1 ? " or initial-weights" : ""));
  }
  check_initial_state(point);
  if (has_random_steps(point) && looks_at_loss(point.training.stop)) {
    refuse("training.stop", "this rule needs a deterministic loss, but minibatches or dropout make it random");
  }
}

std::string job_grammar_help() {
  std::string text;
  for (const Key& key : all_keys()) {
    text += "  " + std::string(key.name) + " = " +
            (key.default_text.empty() ? "(required)" : std::string(key.default_text)) +
            (key.set_default_text.empty() ? "" : "; with a data set " + std::string(key.set_default_text)) +
            "\n      " +
            (key.use == KeyUse::always ? "" : std::string(key_use_names[static_cast<std::size_t>(key.use)]) + ": ") +
            std::string(key.meaning) + "\n      " + key.accepted + "\n";
  }
  return text;
}

}  // namespace fasweep
