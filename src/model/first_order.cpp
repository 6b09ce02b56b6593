#include "model/first_order.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "model/activation/list.hpp"
#include "model/linear_algebra.hpp"
#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/run_memory.hpp"
#include "model/snapshot.hpp"
#include "model/teaching.hpp"

namespace fasweep {
namespace {

/// f(t+1) of the training samples: beta and Z of each hidden unit move by a step.
std::vector<double> outputs_after_step(const Snapshot& now) {
  const auto n = static_cast<std::size_t>(now.sizes().samples);
  const auto rows = static_cast<std::size_t>(now.sizes().rows());
  const std::span<const double> e = now.errors();
  const double scale = now.step_size() * now.output_scale();
  const double hidden_scale = scale * hidden_step_factor(now.training(), now.sizes().width, now.run().rule);
  const double decay = 1 - now.step_size() * now.ridge();
  const int rule = computed_rule(now.run().rule);
  std::vector<double> outputs(n, 0.0);
  std::vector<double> signal(n);
  now.for_each_block(HiddenParts::units, [&](const HiddenBlock& block) {
    for (std::size_t u = 0; u < static_cast<std::size_t>(block.units); ++u) {
      const std::size_t r = static_cast<std::size_t>(block.first) + u;
      const double beta = now.output_weight()[r];
      const double v = feedback_of(ComputedRules(), rule, now.feedback()[r], beta);
      double gradient = 0;
      for (std::size_t i = 0; i < n; ++i) {
        gradient += e[i] * block.value[u * rows + i];
        signal[i] = e[i] * v * block.derivative[u * rows + i];
      }
      const double next = decay * beta - scale * gradient;
      const std::vector<double> moved = now.memory().input_gram().product(signal);
      Activations::visit(now.run().activation, [&](auto type) {
        for (std::size_t i = 0; i < n; ++i) {
          const double z = block.pre_activation[u * rows + i] - hidden_scale * moved[i];
          outputs[i] += now.output_scale() * next * decltype(type)::type::value(z);
        }
      });
    }
  });
  return outputs;
}

}  // namespace

double first_order_error(const Snapshot& now) {
  if (!is_taught_by_error(now.training(), now.run().rule)) {
    return not_a_number;
  }
  SymmetricMatrix kernel = now.kernel(Kernel::outputs);
  kernel += now.kernel(Kernel::rule);
  const std::vector<double> pulled = kernel.product(now.errors());
  std::vector<double> change = outputs_after_step(now);
  std::vector<double> missed(change.size());
  for (std::size_t i = 0; i < change.size(); ++i) {
    const double e = now.errors()[i];
    const double y = now.targets()[i];
    change[i] -= y + e;
    missed[i] = change[i] + now.step_size() * (now.ridge() * (e + y) + pulled[i]);
  }
  const double size = norm(change);
  return size > 0 ? norm(missed) / size : not_a_number;
}

}  // namespace fasweep
