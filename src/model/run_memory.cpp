#include "model/run_memory.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <type_traits>

#include "model/expected_kernel.hpp"
#include "model/metric/list.hpp"
#include "model/problem.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/snapshot.hpp"
#include "model/teaching.hpp"

namespace fasweep {

void ErrorPrediction::advance(double step_size, double ridge, std::span<const double> targets) {
  const std::vector<double> pulled = kernel.product(error);
  for (std::size_t i = 0; i < error.size(); ++i) {
    error[i] = (1 - step_size * ridge) * error[i] - step_size * pulled[i] - step_size * ridge * targets[i];
  }
}

RunMemory::RunMemory(const std::vector<int>& metrics, const Problem& problem, const TrainingSettings& training,
                     const RunSpec& run)
    : problem_(problem),
      training_(training),
      run_(run),
      sums_steps_((traits_of(metrics) & fasweep::sums_steps) != 0),
      follows_errors_((traits_of(metrics) & fasweep::follows_errors) != 0) {}

void RunMemory::begin(const Snapshot& initial) {
  const std::span<const double> y = initial.targets();
  target_norm_ = std::sqrt(std::inner_product(y.begin(), y.end(), y.begin(), 0.0));
  if (!follows_errors_ || !is_taught_by_error(training_, run_.rule)) {
    return;
  }
  const std::vector<double> error(initial.errors().begin(), initial.errors().end());
  SymmetricMatrix kernel = initial.kernel(Kernel::outputs);
  const SentBack back = sent_back(run_.rule);
  const bool is_uncorrelated = training_.feedback_correlation == 0 && training_.initial_state.path.empty() &&
                               (has_zero_mean(training_.initial_output) || has_zero_mean(training_.initial_feedback));
  if (back == SentBack::nothing || (back == SentBack::feedback && is_uncorrelated)) {
    infinite_ = ErrorPrediction{expected_kernel(), error};  // in which <v, beta> is 0
  } else {
    kernel += initial.kernel(Kernel::rule);
  }
  lazy_ = ErrorPrediction{std::move(kernel), error};
}

void RunMemory::reach(double loss) {
  sums_.first_loss = sums_.first_loss < 0 ? loss : sums_.first_loss;
  const double norm = std::sqrt(2 * loss);
  if (sums_.error_norm > 0 && sums_.step_size > 0) {
    const double decay = sums_.step_size * sums_.ridge;
    const double most = (1 - decay) * sums_.error_norm + decay * target_norm_;
    sums_.slowest_contraction =
        std::min(sums_.slowest_contraction, (most - norm) / (sums_.step_size * sums_.error_norm));
  }
  const bool is_double = training_.precision == Precision::float64;
  const double rounding = is_double ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  sums_.error_norm = loss > rounding * sums_.first_loss ? norm : 0;
}

void RunMemory::leave(const Snapshot& now) {
  sums_.step_size = now.step_size();
  sums_.ridge = now.ridge();
  for (std::optional<ErrorPrediction>* prediction : {&lazy_, &infinite_}) {
    if (*prediction) {
      (*prediction)->advance(sums_.step_size, sums_.ridge, now.targets());
    }
  }
  if (sums_steps_) {
    add_hidden_step(now);
  }
}

/// dw_r = -eta s v_r X^T (e o psi'(z_r)), so that the sum of their squares is (eta s)^2 e^T (K o S) e with S the sum of
/// v_r^2 psi'(z_r) psi'(z_r)^T and K = X X^T.
void RunMemory::add_hidden_step(const Snapshot& now) {
  const std::span<const double> beta = now.output_weight();
  const std::span<const double> b = now.feedback();
  const int rule = computed_rule(run_.rule);
  SymmetricMatrix sum(problem_.samples);
  std::vector<double> squares;
  now.for_each_block(HiddenParts::units, [&](const HiddenBlock& block) {
    squares.clear();
    for (auto r = static_cast<std::size_t>(block.first); squares.size() < static_cast<std::size_t>(block.units); ++r) {
      const double v = feedback_of(ComputedRules(), rule, b[r], beta[r]);
      squares.push_back(v * v);
    }
    sum.add_weighted_gram(block.derivative, squares, now.sizes().rows());
  });
  sum *= input_gram();
  const double scale = now.step_size() * now.output_scale() * hidden_step_factor(training_, run_.width, run_.rule);
  sums_.hidden_step_square += scale * scale * sum.form(now.errors());
  sums_.ridge_dot += now.step_size() * now.ridge() * std::inner_product(b.begin(), b.end(), beta.begin(), 0.0);
}

void RunMemory::save(ByteWriter& out) const {
  static_assert(std::is_trivially_copyable_v<Sums>);
  out.put_array(std::span<const Sums>(&sums_, 1));
  out.put_array(lazy_error());
  out.put_array(infinite_error());
}

void RunMemory::restore(ByteReader& in) {
  in.get_into(std::span<Sums>(&sums_, 1));
  for (std::optional<ErrorPrediction>* prediction : {&lazy_, &infinite_}) {
    if (*prediction) {
      in.get_into(std::span<double>((*prediction)->error));
    }
  }
}

double RunMemory::slowest_contraction() const {
  return std::isinf(sums_.slowest_contraction) ? not_a_number : sums_.slowest_contraction;
}

const SymmetricMatrix& RunMemory::expected_kernel() const {
  if (!expected_kernel_) {
    const std::optional<double> variance = hidden_weight_variance(training_, {problem_.inputs, run_.width});
    SymmetricMatrix covariance = input_gram();
    covariance *= variance.value_or(not_a_number);
    expected_kernel_ = variance ? fasweep::expected_kernel(run_.activation, covariance) : std::move(covariance);
    *expected_kernel_ *= training_.output_scale == OutputScale::one ? run_.width : 1.0;
  }
  return *expected_kernel_;
}

const std::vector<double>& RunMemory::expected_eigenvalues() const {
  return expected_eigenvalues_ ? *expected_eigenvalues_
                               : expected_eigenvalues_.emplace(expected_kernel().eigenvalues());
}

const SymmetricMatrix& RunMemory::input_gram() const {
  return input_gram_ ? *input_gram_ : input_gram_.emplace(fasweep::input_gram(problem_));
}

const std::vector<double>& RunMemory::input_eigenvalues() const {
  return input_eigenvalues_ ? *input_eigenvalues_ : input_eigenvalues_.emplace(input_gram().eigenvalues());
}

}  // namespace fasweep
