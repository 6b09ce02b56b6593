// The learned inverses of layers, through which targets come back (model/target_propagation.hpp). Their weights are the
// solver's feedback weights; here are their biases, what they make of the layer above, and their step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/network_state.hpp"
#include "model/activation/list.hpp"
#include "model/problem.hpp"
#include "model/run_spec.hpp"
#include "model/target_propagation.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Units x samples throughout. `layer`: the hidden layer, from 1, that an inverse leads back to; v: the weights of that
/// inverse, its units x those of the layer above.
template <class Scalar>
class InverseLayers {
 public:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  /// psi: position in Activations; scale: s. The problem and the settings outlive it.
  InverseLayers(const Problem& problem, const TrainingSettings& training, int psi, double scale)
      : problem_(problem),
        training_(training),
        psi_(psi),
        scale_(static_cast<Scalar>(scale)),
        bias_(static_cast<std::size_t>(training.depth), Vector::Zero(problem.width)) {}

  /// g(above).
  template <class Weights>
  [[nodiscard]] Matrix apply(int layer, const Weights& v, const Matrix& above) const {
    Matrix h = pre_activation(layer, v, above);
    Activations::visit(psi_, [&](auto type) {
      for (Eigen::Index i = 0; i < h.size(); ++i) {
        h.data()[i] = decltype(type)::type::value(h.data()[i]);
      }
    });
    return h;
  }

  /// What the layer passes on in a step, with the step's noise.
  [[nodiscard]] Matrix with_noise(int layer, const Matrix& h, std::int64_t step) const {
    const std::vector<double> noise = noise_of_inverse(problem_, training_, layer, step, static_cast<int>(h.cols()));
    return h + static_cast<Scalar>(training_.inverse_noise) *
                   Eigen::Map<const Eigen::MatrixXd>(noise.data(), h.rows(), h.cols()).template cast<Scalar>();
  }

  /// v and the biases learn to give `noisy` back from what the layer above makes of it.
  template <class Weights>
  void learn(int layer, Weights&& v, const Matrix& noisy, const Matrix& above) {
    const Matrix a = pre_activation(layer, v, above);
    Matrix slope(a.rows(), a.cols());
    Activations::visit(psi_, [&](auto type) {
      using Activation = typename decltype(type)::type;
      for (Eigen::Index i = 0; i < a.size(); ++i) {
        const Scalar h = Activation::value(a.data()[i]);
        slope.data()[i] = (h - noisy.data()[i]) * Activation::derivative(a.data()[i], h);
      }
    });
    const auto size = static_cast<Scalar>(training_.inverse_step_size / static_cast<double>(noisy.cols()));
    v.noalias() -= size * scale_ * slope * above.transpose();
    if (training_.biases) {
      bias(layer) -= size * slope.rowwise().sum();
    }
  }

  void save(ByteWriter& out) const {
    for (const Vector& c : bias_) {
      out.put_array(std::span(c.data(), static_cast<std::size_t>(c.size())));
    }
  }
  void restore(ByteReader& in) {
    for (Vector& c : bias_) {
      get_finite(in, std::span(c.data(), static_cast<std::size_t>(c.size())));
    }
  }

 private:
  [[nodiscard]] Vector& bias(int layer) { return bias_[static_cast<std::size_t>(layer - 1)]; }

  template <class Weights>
  [[nodiscard]] Matrix pre_activation(int layer, const Weights& v, const Matrix& above) const {
    Matrix a(v.rows(), above.cols());
    a.noalias() = scale_ * v * above;
    a.colwise() += bias_[static_cast<std::size_t>(layer - 1)];
    return a;
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  int psi_;
  Scalar scale_;
  std::vector<Vector> bias_;  // c_l of each hidden layer
};

}  // namespace fasweep
