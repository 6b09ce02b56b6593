#include "model/snapshot.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <functional>

#include "model/activation/list.hpp"
#include "model/linear_algebra.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/problem.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"

namespace fasweep {
namespace {

NetworkSizes sizes_of(const Problem& problem, const TrainingSettings& training) {
  const int batch = training.batch_size > 0 ? training.batch_size : problem.samples;
  return {problem.samples, problem.test_samples, problem.inputs, problem.outputs,
          problem.width,   training.depth,       batch,          problem.teacher_width};
}

std::size_t product(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

std::span<const double> targets_of(const Problem& problem) {
  return problem.dataset == nullptr ? std::span<const double>(problem.y) : problem.dataset->y;
}

/// The network at step 0, as a Problem has it.
class InitialNetwork : public NetworkReader {
 public:
  explicit InitialNetwork(const Problem& problem) : problem_(problem) {}

  void read_output_weight(int first, std::span<double> beta) const override {
    std::copy_n(&problem_.output_weight[product(first, problem_.outputs)], beta.size(), beta.begin());
  }
  void read_feedback(int first, std::span<double> b) const override {
    std::copy_n(&problem_.feedback[product(first, problem_.outputs)], b.size(), b.begin());
  }
  void read_output_bias(std::span<double> bias) const override {
    NetworkReader::read_output_bias(bias);
    std::ranges::copy(problem_.output_bias, bias.begin());
  }
  void read_hidden_bias(int first, std::span<double> bias) const override {
    NetworkReader::read_hidden_bias(first, bias);
    if (!problem_.hidden_bias.empty()) {
      std::copy_n(&problem_.hidden_bias[product(first, 1)], bias.size(), bias.begin());
    }
  }
  void read_pre_activation(int first, std::span<double> z) const override {
    const std::size_t rows =
        static_cast<std::size_t>(problem_.samples) + static_cast<std::size_t>(problem_.test_samples);
    std::vector<double> weights(z.size() / rows * static_cast<std::size_t>(problem_.inputs));
    problem_.fill_hidden_weight(first, weights);
    const std::span<const double> bias(problem_.hidden_bias);
    multiply_inputs(problem_, weights,
                    bias.empty() ? bias : bias.subspan(static_cast<std::size_t>(first), z.size() / rows), z);
  }
  void read_hidden_change(int /*first*/, std::span<double> change) const override { std::ranges::fill(change, 0.0); }

 private:
  const Problem& problem_;
};

/// z: rows x units here, so that the innermost loop runs over units.
void multiply_dataset(const Dataset& dataset, std::span<const double> weights, std::span<double> z) {
  const auto inputs = static_cast<std::size_t>(dataset.inputs);
  const std::size_t units = weights.size() / inputs;
  const std::size_t rows = z.size() / units;
  std::vector<double> transposed(weights.size());  // inputs x units
  std::vector<double> start(units, 0.0);           // -W shift
  for (std::size_t u = 0; u < units; ++u) {
    for (std::size_t j = 0; j < inputs; ++j) {
      transposed[j * units + u] = weights[u * inputs + j];
      start[u] -= dataset.shift[j] * weights[u * inputs + j];
    }
  }
  std::vector<double> row(units);
  for (std::size_t i = 0; i < rows; ++i) {
    row = start;
    for (auto at = static_cast<std::size_t>(dataset.row_begin[i]);
         at < static_cast<std::size_t>(dataset.row_begin[i + 1]); ++at) {
      const auto j = static_cast<std::size_t>(dataset.column[at]);
      const double value = dataset.raw[at] * dataset.scale[j];
      for (std::size_t u = 0; u < units; ++u) {
        row[u] += value * transposed[j * units + u];
      }
    }
    for (std::size_t u = 0; u < units; ++u) {
      z[u * rows + i] = row[u];
    }
  }
}

/// The same kernel by the name that most ask for, so that none is made twice.
Kernel least_special(Kernel which, int rule) {
  if (which == Kernel::rule) {
    const SentBack back = sent_back(rule);
    return back == SentBack::feedback ? Kernel::feedback : back == SentBack::output ? Kernel::backprop : which;
  }
  return which;
}

/// The rule whose steps of W are the kernel's; rule: the run's.
int rule_of(Kernel which, int rule) {
  switch (which) {
    case Kernel::feedback:
      return Rules::index_of<FeedbackAlignment>();
    case Kernel::backprop:
      return Rules::index_of<Backprop>();
    default:
      return rule;
  }
}

}  // namespace

void NetworkReader::read_output_bias(std::span<double> bias) const {
  std::fill(bias.begin(), bias.end(), 0.0);
}

std::array<double, 3> NetworkReader::output_parts() const {
  return {not_a_number, not_a_number, not_a_number};
}

void NetworkReader::read_hidden_bias(int /*first*/, std::span<double> bias) const {
  std::fill(bias.begin(), bias.end(), 0.0);
}

void NetworkReader::read_inner_weight(int /*layer*/, int /*first*/, std::span<double> /*weights*/) const {}
void NetworkReader::read_inner_bias(int /*layer*/, int /*first*/, std::span<double> /*bias*/) const {}
void NetworkReader::read_inner_feedback(int /*layer*/, int /*first*/, std::span<double> /*b*/) const {}

void NetworkReader::read_hidden_weight(const Problem& problem, int first, std::span<double> weights) const {
  std::vector<double> start(weights.size());
  problem.fill_hidden_weight(first, start);
  read_hidden_change(first, weights);
  std::transform(weights.begin(), weights.end(), start.begin(), weights.begin(), std::plus<>());
}

Snapshot::Snapshot(const Problem& problem, const TrainingSettings& training, const RunSpec& run, std::int64_t step,
                   const NetworkReader& network, const RunMemory* memory)
    : problem_(problem),
      training_(training),
      run_(run),
      step_(step),
      network_(network),
      memory_(memory),
      sizes_(sizes_of(problem, training)),
      output_scale_(training.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(static_cast<double>(problem.width))) {
}

const RunMemory& Snapshot::memory() const {
  assert(memory_ != nullptr);
  return *memory_;
}

double Snapshot::step_size() const {
  return run_.step_size * schedule_factor(training_.step_schedule, step_);
}

double Snapshot::ridge() const {
  return run_.ridge * schedule_factor(training_.schedule, step_);
}

std::span<const double> Snapshot::output_weight() const {
  if (!output_weight_) {
    network_.read_output_weight(0, output_weight_.emplace(product(sizes_.width, sizes_.outputs)));
  }
  return *output_weight_;
}

std::span<const double> Snapshot::feedback() const {
  if (!feedback_) {
    network_.read_feedback(0, feedback_.emplace(product(sizes_.width, sizes_.outputs)));
  }
  return *feedback_;
}

std::span<const LayerNumbers> Snapshot::layers() const {
  if (!layers_) {
    layers_.emplace(network_.layer_numbers());
    assert(layers_->size() == static_cast<std::size_t>(sizes_.depth));
  }
  return *layers_;
}

std::vector<double> Snapshot::output_bias() const {
  std::vector<double> bias(static_cast<std::size_t>(sizes_.outputs));
  network_.read_output_bias(bias);
  return bias;
}

std::vector<double> Snapshot::hidden_bias() const {
  std::vector<double> bias(static_cast<std::size_t>(sizes_.width));
  network_.read_hidden_bias(0, bias);
  return bias;
}

void Snapshot::read_hidden_weight(int first, std::span<double> weights) const {
  network_.read_hidden_weight(problem_, first, weights);
}

std::span<const double> Snapshot::outputs() const {
  if (outputs_) {
    return *outputs_;
  }
  const auto rows = static_cast<std::size_t>(sizes_.rows());
  const auto k = static_cast<std::size_t>(sizes_.outputs);
  std::vector<double> f(rows * k, 0.0);
  const std::span<const double> beta = output_weight();
  for_each_block(HiddenParts::units, [&](const HiddenBlock& block) {
    for (std::size_t u = 0; u < static_cast<std::size_t>(block.units); ++u) {
      const double* weight = &beta[(static_cast<std::size_t>(block.first) + u) * k];
      const double* h = &block.value[u * rows];
      for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t c = 0; c < k; ++c) {
          f[i * k + c] += h[i] * weight[c];
        }
      }
    }
  });
  const std::vector<double> bias = output_bias();
  for (std::size_t i = 0; i < f.size(); ++i) {
    f[i] = output_scale_ * f[i] + bias[i % k];
  }
  return outputs_.emplace(std::move(f));
}

std::span<const double> Snapshot::targets() const {
  return targets_of(problem_).first(product(sizes_.samples, sizes_.outputs));
}

const Snapshot& Snapshot::initial() const {
  if (!initial_) {
    initial_network_ = std::make_unique<InitialNetwork>(problem_);
    initial_ = std::make_unique<Snapshot>(problem_, training_, run_, 0, *initial_network_, memory_);
  }
  return *initial_;
}

const SymmetricMatrix& Snapshot::kernel(Kernel which) const {
  which = least_special(which, run_.rule);
  auto& cached = kernels_[static_cast<std::size_t>(which)];
  if (cached) {
    return *cached;
  }
  SymmetricMatrix sum(sizes_.samples);
  const double square = output_scale_ * output_scale_;
  const int rule = rule_of(which, run_.rule);
  const double weight = square * hidden_step_factor(training_, sizes_.width, rule);
  std::vector<double> weights;
  for_each_block(HiddenParts::units, [&](const HiddenBlock& block) {
    if (which == Kernel::outputs) {
      sum.add_gram(block.value, sizes_.rows(), square);
      return;
    }
    weights.resize(static_cast<std::size_t>(block.units));
    for (std::size_t u = 0; u < weights.size(); ++u) {
      const std::size_t unit = static_cast<std::size_t>(block.first) + u;
      const double beta = output_weight()[unit];
      weights[u] = weight * feedback_of(ComputedRules(), computed_rule(rule), feedback()[unit], beta) * beta;
    }
    sum.add_weighted_gram(block.derivative, weights, sizes_.rows());
  });
  if (which != Kernel::outputs) {
    sum *= input_gram(problem_);
  }
  return cached.emplace(std::move(sum));
}

std::span<const double> Snapshot::errors() const {
  if (errors_) {
    return *errors_;
  }
  const std::span<const double> f = outputs();
  const auto k = static_cast<std::size_t>(sizes_.outputs);
  const std::size_t count = product(sizes_.samples, sizes_.outputs);
  const std::span<const double> y = targets();
  std::vector<double> e(count);
  visit_loss(training_.loss, [&](auto type) {
    using Loss = typename decltype(type)::type;
    for (std::size_t first = 0; first < count; first += k) {
      std::span<double> errors = std::span(e).subspan(first, k);
      const std::span<const double> outputs = f.subspan(first, k);
      Loss::take_errors(outputs, y.subspan(first, k), Loss::shared(outputs), errors);
    }
  });
  return errors_.emplace(std::move(e));
}

void Snapshot::for_each_block(HiddenParts parts, const std::function<void(const HiddenBlock&)>& visit) const {
  const int most = std::min(snapshot_block_units(sizes_), sizes_.width);
  const bool has_units = parts == HiddenParts::units || parts == HiddenParts::all;
  const bool has_change = parts == HiddenParts::weight_change || parts == HiddenParts::all;
  std::vector<double> z(has_units ? product(most, sizes_.rows()) : 0);
  std::vector<double> h(z.size());
  std::vector<double> slope(z.size());
  std::vector<double> change(has_change ? product(most, sizes_.inputs) : 0);
  for (int first = 0; first < sizes_.width; first += most) {
    HiddenBlock block;
    block.first = first;
    block.units = std::min(most, sizes_.width - first);
    if (has_units) {
      const std::size_t count = product(block.units, sizes_.rows());
      network_.read_pre_activation(first, std::span(z).first(count));
      Activations::visit(run_.activation, [&](auto type) {
        using Activation = typename decltype(type)::type;
        for (std::size_t i = 0; i < count; ++i) {
          h[i] = Activation::value(z[i]);
          slope[i] = Activation::derivative(z[i], h[i]);
        }
      });
      block.pre_activation = std::span(z).first(count);
      block.value = std::span(h).first(count);
      block.derivative = std::span(slope).first(count);
    }
    if (has_change) {
      const auto of_block = std::span(change).first(product(block.units, sizes_.inputs));
      network_.read_hidden_change(first, of_block);
      block.weight_change = of_block;
    }
    visit(block);
  }
}

int snapshot_block_units(const NetworkSizes& sizes) {
  constexpr int block_numbers = 1 << 18;  // 2 MiB a matrix
  return std::max(block_numbers / std::max({sizes.rows(), sizes.inputs, 1}) / 2 * 2, 2);
}

SymmetricMatrix input_gram(const Problem& problem) {
  // The transpose of X, so that the sum runs over inputs as other Gram matrices' runs over hidden units.
  const auto samples = static_cast<std::size_t>(problem.samples);
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  std::vector<double> row(inputs);
  std::vector<double> transposed(inputs * samples);
  for (std::size_t i = 0; i < samples; ++i) {
    if (problem.dataset == nullptr) {
      std::copy_n(&problem.x[i * inputs], inputs, row.begin());
    } else {
      problem.dataset->expand_row(static_cast<std::int64_t>(i), row.data());
    }
    for (std::size_t j = 0; j < inputs; ++j) {
      transposed[j * samples + i] = row[j];
    }
  }
  SymmetricMatrix gram(problem.samples);
  gram.add_gram(transposed, problem.samples, 1);
  return gram;
}

void multiply_inputs(const Problem& problem, std::span<const double> weights, std::span<const double> bias,
                     std::span<double> z) {
  if (problem.dataset == nullptr) {
    multiply_transposed(weights, problem.x, problem.inputs, z);
  } else {
    multiply_dataset(*problem.dataset, weights, z);
  }
  const std::size_t rows = static_cast<std::size_t>(problem.samples) + static_cast<std::size_t>(problem.test_samples);
  for (std::size_t u = 0; u < bias.size(); ++u) {
    for (double& value : z.subspan(u * rows, rows)) {
      value += bias[u];
    }
  }
}

void add_input_multiples(const Problem& problem, std::span<const double> multipliers, std::span<double> change) {
  const std::size_t count = product(problem.samples, problem.inputs);
  add_product(multipliers, std::span(problem.x).first(count), problem.samples, change);
}

std::vector<double> evaluate_snapshot(const std::vector<int>& chosen, const Snapshot& snapshot) {
  std::vector<double> numbers;
  for (const int metric : chosen) {
    Metrics::visit(metric, [&](auto type) {
      using Metric = typename decltype(type)::type;
      if constexpr (SeveralNumbers<Metric>) {
        const std::size_t first = numbers.size();
        numbers.resize(first + static_cast<std::size_t>(Metric::size(snapshot.sizes())));
        Metric::values(snapshot, std::span(numbers).subspan(first));
      } else if constexpr (SnapshotMetric<Metric>) {
        numbers.push_back(Metric::value(snapshot));
      }
    });
  }
  return numbers;
}

}  // namespace fasweep
