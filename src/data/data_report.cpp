#include "data/data_report.hpp"

#include <algorithm>
#include <cmath>

namespace fasweep {
namespace {

/// Samples of each class among `count` rows from `first` on.
std::vector<std::int64_t> count_classes(const Dataset& dataset, int first, int count) {
  const auto outputs = static_cast<std::size_t>(dataset.outputs);
  std::vector<std::int64_t> samples(outputs);
  for (auto row = static_cast<std::size_t>(first); row < static_cast<std::size_t>(first + count); ++row) {
    for (std::size_t k = 0; k < outputs; ++k) {
      samples[k] += dataset.y[row * outputs + k] == 1 ? 1 : 0;
    }
  }
  return samples;
}

/// "1 sample", "3 samples".
std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string describe_classes(const std::vector<std::int64_t>& samples) {
  constexpr std::size_t most_listed = 20;
  if (samples.size() > most_listed) {
    const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
    return std::to_string(samples.size()) + " classes of " + std::to_string(*least) + " to " +
           counted(*most, "training sample");
  }
  std::string text;
  for (std::size_t k = 0; k < samples.size(); ++k) {
    text += (k == 0 ? "classes " : ", ") + std::to_string(k) + ": " + std::to_string(samples[k]);
  }
  return text;
}

/// "class 3", "classes 0, 2 and 5", or how many where they are many.
std::string list_classes(const std::vector<std::size_t>& classes) {
  constexpr std::size_t most_listed = 10;
  if (classes.size() > most_listed) {
    return std::to_string(classes.size()) + " classes, the first " + std::to_string(classes.front()) + ",";
  }
  std::string text = classes.size() == 1 ? "class " : "classes ";
  for (std::size_t i = 0; i < classes.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == classes.size() ? " and " : ", ") + std::to_string(classes[i]);
  }
  return text;
}

std::vector<std::string> doubtful_classes(const std::vector<std::int64_t>& train,
                                          const std::vector<std::int64_t>& test) {
  std::vector<std::size_t> there;
  std::vector<std::size_t> empty;
  std::vector<std::size_t> only_tested;
  for (std::size_t k = 0; k < train.size(); ++k) {
    (train[k] > 0 ? there : test[k] > 0 ? only_tested : empty).push_back(k);
  }
  std::vector<std::string> doubts;
  if (there.size() == 1) {
    doubts.push_back("all training samples are of class " + std::to_string(there.front()) +
                     " (there is nothing to tell apart); set data.target if the labels are in another column, or "
                     "data.split = shuffled(0) if the samples are sorted");
  }
  if (!only_tested.empty()) {
    doubts.push_back(list_classes(only_tested) + (only_tested.size() == 1 ? " has" : " have") +
                     " test samples and no training samples (is the table sorted?); set data.split = stratified(0) or "
                     "shuffled(0)");
  }
  if (!empty.empty()) {
    doubts.push_back(list_classes(empty) + (empty.size() == 1 ? " has" : " have") + " no samples" +
                     (empty.front() == 0 ? " (labels are counted from 0)" : ""));
  }
  return doubts;
}

std::string name_of_input(const Samples<double>& samples, std::size_t input) {
  const std::string number = "input " + std::to_string(input + 1);
  return samples.input_names.empty() ? number : number + ", '" + samples.input_names[input] + "',";
}

}  // namespace

void warn(DataReport& report, const std::string& place, const std::vector<std::string>& doubts) {
  for (const std::string& doubt : doubts) {
    report.warnings.emplace_back(place).append(": ").append(doubt);
  }
}

DataReport describe(const Dataset& dataset, const std::string& place, const std::string& reading) {
  DataReport report;
  report.understood = place + ": " + counted(dataset.samples, "training sample") + ", " +
                      counted(dataset.inputs, "input") + (reading.empty() ? "" : ", " + reading) + "; ";
  if (dataset.is_classes) {
    const std::vector<std::int64_t> train = count_classes(dataset, 0, dataset.samples);
    report.understood += describe_classes(train);
    warn(report, place, doubtful_classes(train, count_classes(dataset, dataset.samples, dataset.test_samples)));
  } else {
    report.understood += counted(dataset.outputs, "target") + " to regress on";
  }
  const double share = static_cast<double>(dataset.test_samples) / (dataset.samples + dataset.test_samples);
  report.understood += dataset.test_samples == 0 ? "; no test samples"
                                                 : "; " + counted(dataset.test_samples, "test sample") + " (" +
                                                       std::to_string(std::lround(100 * share)) + " % of all)";
  return report;
}

std::vector<std::string> doubtful_inputs(const Samples<double>& samples) {
  constexpr std::int64_t least_counted = 5;  // fewer are alike by chance
  constexpr std::int64_t least_repeated = 20;
  std::vector<std::string> doubts;
  if (samples.rows < least_counted) {
    return doubts;
  }
  const bool may_repeat = samples.rows >= least_repeated && samples.targets == 1 &&
                          std::any_of(samples.y.begin(), samples.y.end(), [&](double y) { return y != samples.y[0]; });
  const auto inputs = static_cast<std::size_t>(samples.inputs);
  const auto rows = static_cast<std::size_t>(samples.rows);
  for (std::size_t j = 0; j < inputs; ++j) {
    bool counts = samples.x[j] == 0 || samples.x[j] == 1;
    for (std::size_t i = 1; counts && i < rows; ++i) {
      counts = samples.x[i * inputs + j] == samples.x[(i - 1) * inputs + j] + 1;
    }
    bool repeats = may_repeat && !counts;
    for (std::size_t i = 0; repeats && i < rows; ++i) {
      repeats = samples.x[i * inputs + j] == samples.y[i];
    }
    if (counts) {
      doubts.push_back(name_of_input(samples, j) + " numbers the samples from " +
                       std::to_string(static_cast<int>(samples.x[j])) +
                       " on (an index is not an input); leave the column out of the file");
    } else if (repeats) {
      doubts.push_back(
          name_of_input(samples, j) +
          " equals the target in every sample (the answer is among the inputs); leave the column out of the "
          "file, or set data.target");
    }
  }
  return doubts;
}

}  // namespace fasweep
