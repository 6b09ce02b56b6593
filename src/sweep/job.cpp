#include "sweep/job.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <set>

#include "model/batch_order.hpp"
#include "sweep/axis.hpp"
#include "sweep/job_text.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

// A value is refused by throwing ConfigError with the reason; apply() adds the key, the value and what is accepted.

/// Jobs that have a key.
enum class KeyUse { always, teachers, sets };

/// One key of the job grammar. An empty default_text makes the key required.
struct Key {
  std::string_view name;
  std::string_view default_text;
  std::string accepted;
  std::function<void(Job&, std::string_view)> read;
  std::function<std::string(const Job&)> write;
  KeyUse use = KeyUse::always;
  std::string_view set_default_text = {};  // default with a data set, where that is another one
  bool is_later = false;                   // than the first result files: at its default it is no part of a run's name
};

template <std::size_t Size>
std::string one_of(const std::array<std::string_view, Size>& names) {
  return join(names, ", ");
}

template <class Value>
void reject_repeats(const std::vector<Value>& values) {
  std::vector<Value> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    throw ConfigError("a value is there twice");
  }
}

std::int64_t read_bounded(std::string_view text, std::int64_t low, std::int64_t high) {
  const std::optional<std::int64_t> value = parse_integer(text);
  if (!value) {
    throw ConfigError("not a whole number");
  }
  if (*value < low || *value > high) {
    throw ConfigError("not between " + std::to_string(low) + " and " + std::to_string(high));
  }
  return *value;
}

template <class Names>
int read_name(std::string_view text, const Names& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw ConfigError("'" + std::string(text) + "' is not known");
  }
  return static_cast<int>(found - names.begin());
}

template <class List>
std::vector<int> read_names(std::string_view text) {
  if (trim(text).empty()) {
    throw ConfigError("the list is empty");
  }
  std::vector<int> result;
  for (const std::string_view name : split(text, ',')) {
    result.push_back(read_name(name, List::names));
  }
  reject_repeats(result);
  return result;
}

template <class List>
std::string write_names(const std::vector<int>& chosen) {
  std::vector<std::string_view> names;
  for (const int index : chosen) {
    names.push_back(List::names[static_cast<std::size_t>(index)]);
  }
  return join(names, ", ");
}

/// A schedule or stop rule: `name(value, ...)` into the variant of the list's types.
template <class List, class Variant>
Variant read_call(std::string_view text) {
  const std::optional<Call> call = parse_call(text);
  if (!call) {
    throw ConfigError("parentheses do not match");
  }
  return List::visit(read_name(call->name, List::names), [&](auto type) -> Variant {
    typename decltype(type)::type result;
    if (call->arguments.size() != result.values.size()) {
      throw ConfigError(std::string(result.name) + " takes (" + join(result.parameters, ", ") + ")");
    }
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      const std::optional<double> value = parse_real(call->arguments[i]);
      if (!value) {
        throw ConfigError("'" + std::string(call->arguments[i]) + "' is not a finite number");
      }
      result.values[i] = *value;
    }
    if (!result.valid()) {
      throw ConfigError(std::string(result.name) + " needs " + std::string(result.accepted));
    }
    return result;
  });
}

template <class Variant>
std::string write_call(const Variant& variant) {
  return std::visit(
      [](const auto& alternative) {
        std::string text(alternative.name);
        for (std::size_t i = 0; i < alternative.values.size(); ++i) {
          text += (i == 0 ? "(" : ", ") + format_real(alternative.values[i]);
        }
        return alternative.values.empty() ? text : text + ")";
      },
      variant);
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

void read_step_size(Job& job, std::string_view text) {
  const auto read = [](std::string_view number) {
    const std::optional<double> value = parse_real(number);
    if (!value || *value <= 0) {
      throw ConfigError("'" + std::string(number) + "' is not a positive number");
    }
    return *value;
  };
  if (text.find(':') == std::string_view::npos) {
    job.step_size.fill(read(text));
    return;
  }
  std::vector<int> named;
  for (const std::string_view item : split(text, ',')) {
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos) {
      throw ConfigError("'" + std::string(item) + "' names no activation");
    }
    named.push_back(read_name(trim(item.substr(0, colon)), Activations::names));
    job.step_size[static_cast<std::size_t>(named.back())] = read(trim(item.substr(colon + 1)));
  }
  reject_repeats(named);
}

std::string write_step_size(const Job& job) {
  std::string text;
  for (std::size_t i = 0; i < job.step_size.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::string(Activations::names[i]) + ":" + format_real(job.step_size[i]);
  }
  return text;
}

std::string default_step_size() {
  Job job;
  Activations::for_each([&](auto type) {
    using Type = typename decltype(type)::type;
    job.step_size[static_cast<std::size_t>(Activations::index_of<Type>())] = Type::step_size;
  });
  return write_step_size(job);
}

/// Recorded steps: 0 and max_steps always, and between them
///   log(k)     about k steps equally spaced in the logarithm,
///   linear(k)  about k equally spaced steps,
///   every(k)   every k-th step,
///   epochs(k)  every k-th time that all samples were seen.
std::vector<std::int64_t> expand_steps(std::string_view text, std::int64_t max_steps, std::int64_t epoch) {
  const std::optional<Call> call = parse_call(text);
  const std::optional<std::int64_t> count =
      call && call->arguments.size() == 1 ? parse_integer(call->arguments[0]) : std::nullopt;
  constexpr std::int64_t max_points = 1'000'000;
  if (!count || *count < 1 || *count > std::numeric_limits<std::int64_t>::max() / 2) {
    throw ConfigError("it takes one whole number >= 1");
  }
  std::set<std::int64_t> steps{0, max_steps};
  const double last = static_cast<double>(max_steps);
  const double intervals = static_cast<double>(std::max<std::int64_t>(*count - 1, 1));
  if (call->name == "every" || call->name == "epochs") {
    const std::int64_t factor = call->name == "epochs" ? epoch : 1;
    const std::int64_t gap = *count > max_steps / factor ? max_steps + 1 : *count * factor;
    if (max_steps / gap > max_points) {
      throw ConfigError("that is more than " + std::to_string(max_points) + " recorded steps");
    }
    for (std::int64_t step = 0; step < max_steps; step += gap) {
      steps.insert(step);
    }
  } else if (call->name == "log" || call->name == "linear") {
    if (*count > max_points) {
      throw ConfigError("that is more than " + std::to_string(max_points) + " recorded steps");
    }
    for (std::int64_t i = 0; i < *count && max_steps > 0; ++i) {
      const double share = static_cast<double>(i) / intervals;
      steps.insert(std::llround(call->name == "log" ? std::pow(last, share) : last * share));
    }
  } else {
    throw ConfigError("'" + std::string(call->name) + "' is not known");
  }
  return {steps.begin(), steps.end()};
}

/// Why a metric means nothing for this job; empty if it does.
std::string_view why_not(int metric, const Job& job) {
  const unsigned traits = traits_of(metric);
  if ((traits & sees_test_set) != 0 && job.data.test_samples == 0) {
    return " needs data.test-n >= 1";
  }
  if ((traits & for_classes) != 0 && job.data.targets != Targets::classes) {
    return " needs classes as targets";
  }
  if (!dimension_of(metric).empty()) {
    return " gives several numbers a step, for which result files have no dimension yet";
  }
  return "";
}

/// Whether a step sees a random part of the samples or of the network.
bool has_random_steps(const Job& job) {
  return takes_minibatches(job.training, job.data) || job.training.dropout > 0;
}

/// Metrics that apply, but for those that say nothing here that another one does not, and those that cost a pass over
/// all training samples when a step sees only a few of them.
std::vector<int> default_metrics(const Job& job) {
  std::vector<int> metrics;
  for (int metric = 0; metric < Metrics::size; ++metric) {
    const unsigned traits = traits_of(metric);
    const bool is_dear = (traits & sees_training_set) != 0 && takes_minibatches(job.training, job.data);
    const bool is_repeated = ((traits & for_random_steps) != 0 && !has_random_steps(job)) ||
                             ((traits & for_several_outputs) != 0 && job.data.outputs == 1);
    if (why_not(metric, job).empty() && !is_dear && !is_repeated && !reads_snapshot(metric)) {
      metrics.push_back(metric);
    }
  }
  return metrics;
}

std::vector<int> read_metrics(const Job& job, std::string_view text) {
  std::vector<int> metrics = text == "default" ? default_metrics(job) : read_names<Metrics>(text);
  std::sort(metrics.begin(), metrics.end());
  for (const int metric : metrics) {
    if (!why_not(metric, job).empty()) {
      throw ConfigError(std::string(Metrics::names[static_cast<std::size_t>(metric)]) +
                        std::string(why_not(metric, job)));
    }
  }
  return metrics;
}

std::string write_metrics(const Job& job) {
  return job.record.metrics == default_metrics(job) ? "default" : write_names<Metrics>(job.record.metrics);
}

constexpr std::int64_t max_width = 100'000'000;
constexpr std::int64_t max_steps_limit = 1'000'000'000'000'000;

std::vector<Key> grid_keys() {
  return {
      {"grid.p", "", "hidden widths >= 1: " + std::string(axis_grammar),
       [](Job& job, std::string_view text) {
         job.grid.widths.clear();
         for (const std::int64_t width : parse_integer_axis(text)) {
           if (width < 1 || width > max_width) {
             throw ConfigError(std::to_string(width) + " is not between 1 and " + std::to_string(max_width));
           }
           job.grid.widths.push_back(static_cast<int>(width));
         }
         reject_repeats(job.grid.widths);
       },
       [](const Job& job) {
         return format_axis(std::vector<std::int64_t>(job.grid.widths.begin(), job.grid.widths.end()));
       }},
      {"grid.lambda", "0", "ridge levels >= 0: " + std::string(axis_grammar),
       [](Job& job, std::string_view text) {
         job.grid.ridges = parse_real_axis(text);
         if (*std::min_element(job.grid.ridges.begin(), job.grid.ridges.end()) < 0) {
           throw ConfigError("a value is negative");
         }
         reject_repeats(job.grid.ridges);
       },
       [](const Job& job) { return format_axis(job.grid.ridges); }},
      {"grid.activation", Relu::name, one_of(Activations::names),
       [](Job& job, std::string_view text) { job.grid.activations = read_names<Activations>(text); },
       [](const Job& job) { return write_names<Activations>(job.grid.activations); }},
      {"grid.rule", FeedbackAlignment::name, one_of(Rules::names),
       [](Job& job, std::string_view text) { job.grid.rules = read_names<Rules>(text); },
       [](const Job& job) { return write_names<Rules>(job.grid.rules); }},
      {"grid.seed", "0", "whole numbers >= 0: " + std::string(axis_grammar),
       [](Job& job, std::string_view text) {
         job.grid.seeds = parse_integer_axis(text);
         if (*std::min_element(job.grid.seeds.begin(), job.grid.seeds.end()) < 0) {
           throw ConfigError("a value is negative");
         }
         reject_repeats(job.grid.seeds);
       },
       [](const Job& job) { return format_axis(job.grid.seeds); }},
  };
}

constexpr std::string_view all_of_set = "all";

bool has_teacher(const Job& job) {
  return job.data.source == DataSource::teacher;
}

/// A whole-number key of DataSettings, which a data set may decide.
Key count_key(std::string_view name, std::string_view default_text, std::string_view what, int DataSettings::*field,
              std::int64_t low, std::int64_t high) {
  return {name,
          default_text,
          std::string(what) + ", " + std::to_string(low) + ".." + std::to_string(high) + "; all: as the data set has",
          [=](Job& job, std::string_view text) {
            const bool all = text == all_of_set && !has_teacher(job);
            job.data.*field = all ? as_in_data : static_cast<int>(read_bounded(text, low, high));
          },
          [=](const Job& job) {
            return job.data.*field == as_in_data ? std::string(all_of_set) : std::to_string(job.data.*field);
          },
          KeyUse::always,
          all_of_set};
}

/// A key of DataSettings that chooses by name.
template <class Choice, std::size_t Size>
Key data_choice_key(std::string_view name, std::string_view default_text, std::string accepted,
                    const std::array<std::string_view, Size>& names, Choice DataSettings::*field, KeyUse use) {
  return {name,
          default_text,
          std::move(accepted),
          [&names, field](Job& job, std::string_view text) {
            job.data.*field = static_cast<Choice>(read_name(text, names));
          },
          [&names, field](const Job& job) { return std::string(names[static_cast<std::size_t>(job.data.*field)]); },
          use};
}

constexpr std::string_view default_path = "default";
constexpr std::string_view unread = "unread";

void read_path(Job& job, std::string_view text) {
  job.data.path = text;
  if (text == default_path) {
    job.data.path = job.data.source == DataSource::mnist           ? "data/mnist"
                    : job.data.source == DataSource::fashion_mnist ? "/usr/share/datasets/fashion-mnist"
                                                                   : "";  // the data keys are refused without it
  }
  const bool unwritable = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == '#'; });
  if (text.empty() || unwritable) {
    throw ConfigError("it is empty, or has '#' or a control character, which a job file cannot hold");
  }
}

/// Where samples come from and what is done to them.
std::vector<Key> source_keys() {
  return {
      data_choice_key("data.source", data_source_names[0], one_of(data_source_names), data_source_names,
                      &DataSettings::source, KeyUse::always),
      {"data.path", default_path,
       "the folder of mnist (default data/mnist) or fashion-mnist (default "
       "/usr/share/datasets/fashion-mnist), the file of csv or hdf5; not part of the plan",
       read_path, [](const Job& job) { return job.data.path; }, KeyUse::sets},
      data_choice_key("data.targets", targets_names[1], one_of(targets_names) + "; classes are labels 0..k-1",
                      targets_names, &DataSettings::targets, KeyUse::sets),
      data_choice_key("data.normalize", normalize_names[1],
                      one_of(normalize_names) + "; by mean and standard deviation of the training samples",
                      normalize_names, &DataSettings::normalize, KeyUse::sets),
      {"data.checksum", unread, "8 hexadecimal digits, or unread; found by reading the data set",
       [](Job& job, std::string_view text) {
         job.data.checksum = parse_checksum(text);
         if (!job.data.checksum && text != unread) {
           throw ConfigError("not 8 hexadecimal digits");
         }
       },
       [](const Job& job) { return job.data.checksum ? format_checksum(*job.data.checksum) : std::string(unread); },
       KeyUse::sets},
  };
}

constexpr std::string_view teacher_like_student = "width";

std::vector<Key> sample_keys() {
  Key outputs =
      count_key("data.outputs", "1", "k, targets or classes of each sample", &DataSettings::outputs, 1, max_outputs);
  outputs.is_later = true;
  return {
      count_key("data.n", "50", "training samples", &DataSettings::samples, 1, max_samples),
      count_key("data.d", "150", "inputs of each sample", &DataSettings::inputs, 1, max_inputs),
      outputs,
      count_key("data.test-n", "0", "held-out samples", &DataSettings::test_samples, 0, max_samples),
      data_choice_key("data.inputs", input_law_names[0],
                      one_of(input_law_names) + "; N(0,1) or N(0,1/d), the paper does not say", input_law_names,
                      &DataSettings::input_law, KeyUse::teachers),
      {"data.label-noise", "0", "standard deviation >= 0 of noise added to training targets",
       [](Job& job, std::string_view text) {
         const std::optional<double> value = parse_real(text);
         if (!value || *value < 0) {
           throw ConfigError("not a number >= 0");
         }
         job.data.label_noise = *value;
       },
       [](const Job& job) { return format_real(job.data.label_noise); }, KeyUse::teachers},
      {"data.teacher-width", teacher_like_student,
       "hidden units of the teacher >= 1, or 'width': as many as the student",
       [](Job& job, std::string_view text) {
         job.data.teacher_width = text == teacher_like_student ? 0 : static_cast<int>(read_bounded(text, 1, max_width));
       },
       [](const Job& job) {
         return job.data.teacher_width == 0 ? std::string(teacher_like_student)
                                            : std::to_string(job.data.teacher_width);
       },
       KeyUse::teachers},
  };
}

void read_max_steps(Job& job, std::string_view text) {
  constexpr std::string_view unit = "epochs";
  if (!text.ends_with(unit)) {
    job.training.max_steps = read_bounded(text, 0, max_steps_limit);
    return;
  }
  const std::int64_t epoch = steps_an_epoch(job.training, job.data);
  job.training.max_steps =
      epoch * read_bounded(trim(text.substr(0, text.size() - unit.size())), 0, max_steps_limit / epoch);
}

/// A key of TrainingSettings whose value is one of an enum's names, the first of them by default.
template <class Enum, std::size_t Size>
Key choice_key(std::string_view name, std::string_view what, const std::array<std::string_view, Size>& names,
               Enum TrainingSettings::*field) {
  return {
      name,
      names[0],
      one_of(names) + std::string(what),
      [=](Job& job, std::string_view text) { job.training.*field = static_cast<Enum>(read_name(text, names)); },
      [=](const Job& job) { return std::string(names[static_cast<std::size_t>(job.training.*field)]); },
  };
}

constexpr std::string_view whole_batch = "all";
constexpr std::array<std::string_view, 2> no_yes{"no", "yes"};

void read_loss(Job& job, std::string_view text) {
  job.training.loss = static_cast<LossFunction>(read_name(text, loss_function_names));
  if (job.training.loss == LossFunction::cross_entropy && job.data.targets != Targets::classes) {
    throw ConfigError("the targets are numbers, not classes");
  }
}

/// What sets a network apart from the paper's one output in full batch. After the data's keys, before those whose
/// meaning depends on the batch.
std::vector<Key> network_keys() {
  std::vector<Key> keys{
      {"training.loss", loss_function_names[0], one_of(loss_function_names), read_loss,
       [](const Job& job) { return std::string(loss_function_names[static_cast<std::size_t>(job.training.loss)]); }},
      choice_key("training.reduction", " of the losses of a batch's samples", reduction_names,
                 &TrainingSettings::reduction),
      {"training.batch-size", whole_batch, "samples of a step, 1..n, or 'all'",
       [](Job& job, std::string_view text) {
         job.training.batch_size = text == whole_batch ? 0 : static_cast<int>(read_bounded(text, 1, job.data.samples));
       },
       [](const Job& job) {
         return job.training.batch_size == 0 ? std::string(whole_batch) : std::to_string(job.training.batch_size);
       }},
      {"training.dropout", "0", "probability, 0 <= q < 1, that a hidden unit is silent for a sample in a step",
       [](Job& job, std::string_view text) {
         const std::optional<double> value = parse_real(text);
         if (!value || *value < 0 || *value >= 1) {
           throw ConfigError("not a number from 0 up to but not including 1");
         }
         job.training.dropout = *value;
       },
       [](const Job& job) { return format_real(job.training.dropout); }},
      choice_key("training.output-scale", ": f = H beta / sqrt(p) or H beta", output_scale_names,
                 &TrainingSettings::output_scale),
      choice_key("training.initial-weights", ": W(0) from N(0,1) or N(0,1/d)", initial_weights_names,
                 &TrainingSettings::initial_weights),
      {"training.biases", no_yes[0], one_of(no_yes) + "; of hidden units and outputs, 0 at the start",
       [](Job& job, std::string_view text) { job.training.biases = read_name(text, no_yes) == 1; },
       [](const Job& job) { return std::string(no_yes[job.training.biases ? 1 : 0]); }},
      choice_key("training.decay", ": what lambda decays, beta or beta and W", decay_names, &TrainingSettings::decay),
  };
  for (Key& key : keys) {
    key.is_later = true;
  }
  return keys;
}

std::vector<Key> training_keys() {
  static const std::string step_size_default = default_step_size();
  return {
      {"training.step-size", step_size_default, "eta > 0, or one for each activation: " + step_size_default,
       read_step_size, write_step_size},
      {"training.schedule", ConstantSchedule::name, "lambda(t): " + accepted_calls<Schedules>(),
       [](Job& job, std::string_view text) { job.training.schedule = read_call<Schedules, Schedule>(text); },
       [](const Job& job) { return write_call(job.training.schedule); }},
      {"training.max-steps", "20000", "steps >= 0, or 'k epochs': k times all training samples", read_max_steps,
       [](const Job& job) { return std::to_string(job.training.max_steps); }},
      {"training.stop", NeverStop::name, accepted_calls<StopRules>(),
       [](Job& job, std::string_view text) {
         job.training.stop = read_call<StopRules, StopRule>(text);
         if (has_random_steps(job) && looks_at_loss(job.training.stop)) {
           throw ConfigError("with minibatches or dropout the loss of a step is noise, which this rule looks at");
         }
       },
       [](const Job& job) { return write_call(job.training.stop); }},
      {"training.precision", precision_names[0], one_of(precision_names),
       [](Job& job, std::string_view text) {
         job.training.precision = static_cast<Precision>(read_name(text, precision_names));
       },
       [](const Job& job) { return std::string(precision_names[static_cast<std::size_t>(job.training.precision)]); }},
      // After max-steps and test-n, on which their meaning depends.
      {"record.steps", "log(200)",
       "log(k) or linear(k): about k steps; every(k): each k-th step; epochs(k): the start of each k-th epoch",
       [](Job& job, std::string_view text) {
         job.record.steps = expand_steps(text, job.training.max_steps, steps_an_epoch(job.training, job.data));
         job.record_steps = text;
       },
       [](const Job& job) { return job.record_steps; }},
      {"record.metrics", "default",
       "default (all that apply; with minibatches without those that see all training samples), or a list of " +
           one_of(Metrics::names),
       [](Job& job, std::string_view text) { job.record.metrics = read_metrics(job, text); }, write_metrics},
  };
}

/// The whole grammar, in the order keys are applied.
const std::vector<Key>& all_keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = grid_keys();
    for (std::vector<Key>& section : std::array{source_keys(), sample_keys(), network_keys(), training_keys()}) {
      std::move(section.begin(), section.end(), std::back_inserter(all));
    }
    return all;
  }();
  return keys;
}

bool applies(const Key& key, const Job& job) {
  return key.use == KeyUse::always || (key.use == KeyUse::teachers) == has_teacher(job);
}

void apply(const Key& key, const std::string& text, Job& job) {
  try {
    key.read(job, trim(text));
  } catch (const ConfigError& reason) {
    throw ConfigError("key '" + std::string(key.name) + "' = '" + text + "' is not accepted (" + reason.what() +
                      "); write " + key.accepted);
  }
}

const Key& find_key(const std::string& name, std::string_view origin) {
  const std::vector<Key>& keys = all_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  if (found == keys.end()) {
    std::vector<std::string_view> names;
    for (const Key& key : keys) {
      names.push_back(key.name);
    }
    throw ConfigError("unknown key '" + name + "' in '" + std::string(origin) + "' (no such key); write one of " +
                      join(names, ", "));
  }
  return *found;
}

void check_grid_size(const Grid& grid) {
  constexpr double max_runs = 1e9;
  const double runs = static_cast<double>(grid.widths.size()) * static_cast<double>(grid.ridges.size()) *
                      static_cast<double>(grid.activations.size()) * static_cast<double>(grid.rules.size()) *
                      static_cast<double>(grid.seeds.size());
  if (runs > max_runs) {
    throw ConfigError("the grid has " + format_real(runs) + " runs (more than " + format_real(max_runs) +
                      "); split it into several jobs");
  }
}

template <class Value>
bool is_subset(std::vector<Value> part, std::vector<Value> whole) {
  std::sort(part.begin(), part.end());
  std::sort(whole.begin(), whole.end());
  return std::includes(whole.begin(), whole.end(), part.begin(), part.end());
}

constexpr std::string_view place_key = "data.path";

/// Whether every stored value of a grid axis, or a step size in use, is there in the wanted job too. Where the data lie
/// does not matter.
bool covers(std::string_view key, const Job& stored, const Job& wanted) {
  if (key == place_key) {
    return true;
  }
  if (key == "grid.p") {
    return is_subset(stored.grid.widths, wanted.grid.widths);
  }
  if (key == "grid.lambda") {
    return is_subset(stored.grid.ridges, wanted.grid.ridges);
  }
  if (key == "grid.activation") {
    return is_subset(stored.grid.activations, wanted.grid.activations);
  }
  if (key == "grid.rule") {
    return is_subset(stored.grid.rules, wanted.grid.rules);
  }
  if (key == "grid.seed") {
    return is_subset(stored.grid.seeds, wanted.grid.seeds);
  }
  return std::all_of(stored.grid.activations.begin(), stored.grid.activations.end(), [&](int activation) {
    const auto i = static_cast<std::size_t>(activation);
    return stored.step_size[i] == wanted.step_size[i];
  });
}

/// Keys whose values may grow, or matter only in part.
bool is_partial(std::string_view key) {
  return key.starts_with("grid.") || key == "training.step-size" || key == place_key;
}

using GivenKeys = std::vector<std::pair<const Key*, std::string>>;

auto find_given(GivenKeys& given, const Key& key) {
  return std::find_if(given.begin(), given.end(), [&](const auto& entry) { return entry.first == &key; });
}

/// What text and overrides say, each key once and known.
GivenKeys read_given(std::string_view text, std::string_view origin, const KeyValues& overrides) {
  GivenKeys given;
  for (const auto& [name, value] : read_key_values(text, origin)) {
    const Key& key = find_key(name, origin);
    if (find_given(given, key) != given.end()) {
      throw ConfigError("key '" + name + "' is there twice in '" + std::string(origin) +
                        "' (only one value can hold); keep one of them");
    }
    given.emplace_back(&key, value);
  }
  for (const auto& [name, value] : overrides) {
    const Key& key = find_key(name, "--set");
    if (const auto found = find_given(given, key); found != given.end()) {
      found->second = value;
    } else {
      given.emplace_back(&key, value);
    }
  }
  return given;
}

void apply_default_and_given(const Key& key, GivenKeys& given, std::string_view origin, Job& job) {
  const auto found = find_given(given, key);
  if (!applies(key, job)) {
    if (found != given.end()) {
      throw ConfigError("key '" + std::string(key.name) + "' = '" + found->second +
                        "' is not accepted (data.source = " +
                        std::string(data_source_names[static_cast<std::size_t>(job.data.source)]) +
                        " has no such key); leave it out");
    }
    return;
  }
  const bool other_default = !has_teacher(job) && !key.set_default_text.empty();
  // A partial step-size list leaves the other activations at their defaults.
  if (!key.default_text.empty()) {
    apply(key, std::string(other_default ? key.set_default_text : key.default_text), job);
  }
  if (found != given.end()) {
    apply(key, found->second, job);
  } else if (key.default_text.empty()) {
    throw ConfigError("key '" + std::string(key.name) + "' is missing in '" + std::string(origin) +
                      "' (it has no default); write " + key.accepted);
  }
}

enum class Section { data, others };

void apply_section(Section section, GivenKeys& given, std::string_view origin, Job& job) {
  for (const Key& key : all_keys()) {
    if (key.name.starts_with("data.") == (section == Section::data)) {
      apply_default_and_given(key, given, origin, job);
    }
  }
  if (!has_teacher(job) && job.data.path.empty()) {
    throw ConfigError("key '" + std::string(place_key) + "' is missing in '" + std::string(origin) +
                      "' (a table has no default place); write the path of its file");
  }
}

/// Other keys than those of the data need the counts that a data set has.
void require_known_data(const DataSettings& data, std::string_view origin) {
  const bool all_known = data.samples != as_in_data && data.inputs != as_in_data && data.outputs != as_in_data &&
                         data.test_samples != as_in_data;
  if (data.source != DataSource::teacher && (!all_known || !data.checksum)) {
    throw ConfigError("'" + std::string(origin) + "' leaves open what its data set is (data.n, data.d, data.outputs, " +
                      "data.test-n and data.checksum are found when the set is read); give the job to fasweep plan");
  }
}

/// No key of such a job, where its data lie, or a value of a later key that leaves training as it was before the key
/// was there.
bool changes_nothing(const Key& key, const Job& job) {
  return !applies(key, job) || key.name == place_key || (key.is_later && key.write(job) == key.default_text);
}

template <class Leave>
std::string sections_of(const Job& job, Leave leave_out) {
  std::string text;
  std::string section;
  for (const Key& key : all_keys()) {
    if (leave_out(key, job)) {
      continue;
    }
    const std::size_t dot = key.name.find('.');
    if (key.name.substr(0, dot) != section) {
      section = key.name.substr(0, dot);
      text += "[" + section + "]\n";
    }
    text += std::string(key.name.substr(dot + 1)) + " = " + key.write(job) + "\n";
  }
  return text;
}

}  // namespace

Job parse_job(std::string_view text, std::string_view origin, const KeyValues& overrides) {
  GivenKeys given = read_given(text, origin, overrides);
  Job job;
  apply_section(Section::data, given, origin, job);
  require_known_data(job.data, origin);
  apply_section(Section::others, given, origin, job);
  check_grid_size(job.grid);
  return job;
}

DataSettings parse_data_settings(std::string_view text, std::string_view origin, const KeyValues& overrides) {
  GivenKeys given = read_given(text, origin, overrides);
  Job job;
  apply_section(Section::data, given, origin, job);
  return job.data;
}

KeyValues facts_of(const Dataset& dataset) {
  return {{"data.n", std::to_string(dataset.samples)},
          {"data.d", std::to_string(dataset.inputs)},
          {"data.outputs", std::to_string(dataset.outputs)},
          {"data.test-n", std::to_string(dataset.test_samples)},
          {"data.checksum", format_checksum(dataset.checksum)}};
}

std::string resolved_text(const Job& job) {
  return sections_of(job, [](const Key& key, const Job& whole) { return !applies(key, whole); });
}

std::string hashed_text(const Job& job) {
  return sections_of(job, changes_nothing);
}

std::string job_grammar_help() {
  constexpr std::array<std::string_view, 3> uses{"", "teachers: ", "data sets: "};
  std::string text;
  for (const Key& key : all_keys()) {
    text += "  " + std::string(key.name) + " = " +
            (key.default_text.empty() ? "(required)" : std::string(key.default_text)) +
            (key.set_default_text.empty() ? "" : "; with a data set " + std::string(key.set_default_text)) +
            "\n      " + std::string(uses[static_cast<std::size_t>(key.use)]) + key.accepted + "\n";
  }
  return text;
}

std::string shared_settings_text(const Job& job) {
  std::string text;
  for (const Key& key : all_keys()) {
    if (!is_partial(key.name) && !changes_nothing(key, job)) {
      text += std::string(key.name) + " = " + key.write(job) + "\n";
    }
  }
  return text;
}

std::vector<std::string> plan_differences(const Job& stored, const Job& wanted) {
  std::vector<std::string> differences;
  for (const Key& key : all_keys()) {
    const std::string before = key.write(stored);
    const std::string now = key.write(wanted);
    const bool agree = is_partial(key.name) ? covers(key.name, stored, wanted) : before == now;
    if (!agree) {
      differences.push_back(std::string(key.name) + ": file has " + before + ", job wants " + now +
                            (key.name == "data.checksum" ? " (other data)" : ""));
    }
  }
  return differences;
}

}  // namespace fasweep
