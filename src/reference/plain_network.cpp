#include "reference/plain_network.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "model/layers.hpp"
#include "model/loss/list.hpp"
#include "model/metric/list.hpp"
#include "model/mirror.hpp"
#include "model/optimizer/list.hpp"
#include "model/target_propagation.hpp"

namespace fasweep {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
constexpr std::size_t rows_at_once = 1024;  // bounds the memory
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

MatrixXd matrix_of(const std::vector<double>& numbers, int rows, int columns) {
  return Eigen::Map<const RowMajor>(numbers.data(), rows, columns);
}

/// Row `i`, one sample's outputs or targets.
std::vector<double> row_of(const MatrixXd& matrix, Eigen::Index i) {
  std::vector<double> row(static_cast<std::size_t>(matrix.cols()));
  VectorXd::Map(row.data(), matrix.cols()) = matrix.row(i);
  return row;
}

/// Not a number where a vector is too small to have a direction.
double signal_cosine_of(const VectorXd& u, const VectorXd& v) {
  const double least = std::min(u.squaredNorm(), v.squaredNorm());
  return least > least_signal_square ? u.dot(v) / (u.norm() * v.norm()) : not_a_number;
}

}  // namespace

std::vector<std::int32_t> rows_from(int first, int count) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  return rows;
}

PlainNetwork::PlainNetwork(const Problem& problem, const TrainingSettings& training, std::string_view activation,
                           std::string_view rule)
    : w(matrix_of(problem.hidden_weight(), problem.width, problem.inputs)),
      beta(matrix_of(problem.output_weight, problem.width, problem.outputs)),
      b(matrix_of(problem.feedback, problem.width, problem.outputs)),
      hidden_bias(VectorXd::Zero(problem.width)),
      output_bias(VectorXd::Zero(problem.outputs)),
      last_inverse_bias(VectorXd::Zero(problem.width)),
      problem_(problem),
      training_(training),
      function_(find_plain(plain_activations, activation)),
      loss_(find_plain(plain_losses, loss_function_names[static_cast<std::size_t>(training.loss)])),
      rule_(find_plain(plain_rules, rule)),
      optimizer_(
          find_plain(plain_optimizers, Optimizers::names[static_cast<std::size_t>(training.optimizer.position())])) {
  if (!problem.hidden_bias.empty()) {
    hidden_bias = matrix_of(problem.hidden_bias, problem.width, 1);
    output_bias = matrix_of(problem.output_bias, problem.outputs, 1);
  }
  const auto all_rows = [&](const FillRows& fill, int columns) {
    std::vector<double> numbers(static_cast<std::size_t>(problem.width) * static_cast<std::size_t>(columns));
    fill(0, std::span(numbers));
    return matrix_of(numbers, problem.width, columns);
  };
  for (int layer = 2; layer <= training.depth; ++layer) {
    inner.push_back({all_rows(inner_weight(problem, training, layer), problem.width),
                     matrix_of(inner_bias(problem, training, layer), problem.width, 1),
                     rule_.is_direct ? all_rows(direct_feedback(problem, training, layer - 1), problem.outputs)
                                     : all_rows(inner_feedback(problem, training, layer), problem.width),
                     VectorXd::Zero(problem.width)});
  }
}

MatrixXd PlainNetwork::inputs_of(Rows rows) const {
  MatrixXd x(rows.size(), problem_.inputs);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(rows[i]);
    if (rows[i] >= rows_of_problem()) {
      x.row(i) = fresh.x.row(rows[i] - rows_of_problem());
      continue;
    }
    if (problem_.dataset == nullptr) {
      x.row(i) = Eigen::Map<const Eigen::RowVectorXd>(&problem_.x[row * problem_.inputs], problem_.inputs);
      continue;
    }
    const Dataset& data = *problem_.dataset;
    Eigen::RowVectorXd raw = Eigen::RowVectorXd::Zero(problem_.inputs);
    for (std::int64_t at = data.row_begin[row]; at < data.row_begin[row + 1]; ++at) {
      raw[data.column[static_cast<std::size_t>(at)]] = data.raw[static_cast<std::size_t>(at)];
    }
    for (int j = 0; j < problem_.inputs; ++j) {
      const auto column = static_cast<std::size_t>(j);
      x(static_cast<Eigen::Index>(i), j) = raw[j] * data.scale[column] - data.shift[column];
    }
  }
  return x;
}

MatrixXd PlainNetwork::targets_of(Rows rows) const {
  MatrixXd y(rows.size(), problem_.outputs);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= rows_of_problem()) {
      y.row(i) = fresh.y.row(rows[i] - rows_of_problem());
      continue;
    }
    for (int c = 0; c < problem_.outputs; ++c) {
      const auto at =
          static_cast<std::size_t>(rows[i]) * static_cast<std::size_t>(problem_.outputs) + static_cast<std::size_t>(c);
      y(static_cast<Eigen::Index>(i), c) = problem_.dataset == nullptr ? problem_.y[at] : problem_.dataset->y[at];
    }
  }
  return y;
}

double PlainNetwork::output_scale() const {
  return training_.output_scale == OutputScale::one ? 1 : 1 / std::sqrt(problem_.width);
}

double PlainNetwork::share(Rows rows) const {
  return training_.reduction == Reduction::mean ? 1 / static_cast<double>(rows.size()) : 1;
}

MatrixXd PlainNetwork::pre_activations(Rows rows) const {
  return (inputs_of(rows) * w.transpose()).rowwise() + hidden_bias.transpose();
}

MatrixXd PlainNetwork::rounded(const MatrixXd& numbers) const {
  return rounding.round ? MatrixXd(numbers.unaryExpr(rounding.round)) : numbers;
}

PlainNetwork::Pass::Layer PlainNetwork::see(MatrixXd z, int layer, int first) const {
  Pass::Layer seen{std::move(z), {}, {}};
  seen.mask = MatrixXd::Ones(seen.z.rows(), seen.z.cols());
  for (Eigen::Index i = 0; mask && i < seen.mask.rows(); ++i) {
    for (Eigen::Index r = 0; r < seen.mask.cols(); ++r) {
      seen.mask(i, r) = mask(first + static_cast<int>(i), static_cast<int>(r), layer);
    }
  }
  seen.seen = rounded(seen.z.unaryExpr(function_.psi)).cwiseProduct(seen.mask);
  return seen;
}

PlainNetwork::Pass PlainNetwork::pass(Rows rows, int first) const {
  Pass p;
  p.x = inputs_of(rows);
  p.y = targets_of(rows);
  p.layers.push_back(see((p.x * w.transpose()).rowwise() + hidden_bias.transpose(), 0, first));
  for (const PlainLayer& layer : inner) {
    const MatrixXd z = (output_scale() * p.layers.back().seen * layer.w.transpose()).rowwise() + layer.bias.transpose();
    p.layers.push_back(see(z, static_cast<int>(p.layers.size()), first));
  }
  p.f = rounded((output_scale() * p.layers.back().seen * beta).rowwise() + output_bias.transpose());
  p.error = p.f;
  for (Eigen::Index i = 0; i < p.f.rows(); ++i) {
    std::vector<double> errors(static_cast<std::size_t>(p.f.cols()));
    loss_.take_errors(row_of(p.f, i), row_of(p.y, i), errors);
    p.error.row(i) = VectorXd::Map(errors.data(), p.error.cols());
  }
  p.error = rounded(p.error);
  return p;
}

MatrixXd PlainNetwork::slopes(const MatrixXd& z) const {
  if (!rounding.round) {
    return z.unaryExpr(function_.psi_prime);
  }
  const MatrixXd shifted = z.array() + rounding.shift * z.cwiseAbs().maxCoeff();
  const MatrixXd one_more = shifted.unaryExpr(function_.psi_prime).array() + 1;
  return rounded(one_more).array() - 1;
}

double PlainNetwork::loss_of(const Pass& pass) const {
  double loss = 0;
  for (Eigen::Index i = 0; i < pass.f.rows(); ++i) {
    loss += loss_.loss(row_of(pass.f, i), row_of(pass.y, i));
  }
  return loss;
}

template <class Visit>
void PlainNetwork::for_each_pass(Rows rows, std::size_t most, Visit visit) const {
  for (std::size_t first = 0; first < rows.size(); first += most) {
    visit(pass(rows.subspan(first, std::min(most, rows.size() - first)), static_cast<int>(first)), first);
  }
}

MatrixXd PlainNetwork::outputs(Rows rows) const {
  MatrixXd all(rows.size(), problem_.outputs);
  for_each_pass(rows, rows_at_once, [&](const Pass& p, std::size_t first) { all.middleRows(first, p.f.rows()) = p.f; });
  return all;
}

MatrixXd PlainNetwork::errors(Rows rows) const {
  MatrixXd all(rows.size(), problem_.outputs);
  for_each_pass(rows, rows_at_once,
                [&](const Pass& p, std::size_t first) { all.middleRows(first, p.error.rows()) = p.error; });
  return all;
}

PlainSums PlainNetwork::sums(Rows rows) const {
  PlainSums sums;
  for_each_pass(rows, rows_at_once, [&](const Pass& p, std::size_t /*first*/) {
    for (Eigen::Index i = 0; i < p.f.rows(); ++i) {
      Eigen::Index guess = 0;
      Eigen::Index truth = 0;
      p.y.row(i).maxCoeff(&truth);
      VectorXd f = p.f.row(i);
      f[truth] += rounding.shift * f.cwiseAbs().maxCoeff();
      f.maxCoeff(&guess);
      sums.accuracy += guess == truth ? 1 : 0;
    }
    sums.squared_error += p.error.squaredNorm();
    sums.loss += share(rows) * loss_of(p);
  });
  sums.accuracy /= static_cast<double>(rows.size());
  return sums;
}

PlainGradients PlainNetwork::gradients(Rows rows, const PlainRule& way_back, bool late) const {
  PlainGradients g{MatrixXd::Zero(w.rows(), w.cols()),
                   MatrixXd::Zero(beta.rows(), beta.cols()),
                   VectorXd::Zero(hidden_bias.size()),
                   VectorXd::Zero(output_bias.size()),
                   0,
                   MatrixXd::Zero(beta.rows(), beta.cols()),
                   VectorXd::Zero(output_bias.size()),
                   {}};
  for (const PlainLayer& layer : inner) {
    g.inner.push_back({MatrixXd::Zero(layer.w.rows(), layer.w.cols()), VectorXd::Zero(layer.bias.size()), {}, {}});
  }
  const MatrixXd v = b.binaryExpr(beta, way_back.feedback);
  const std::size_t at_once = way_back.is_centred ? rows.size() : rows_at_once;  // what is centred needs every row
  for_each_pass(rows, at_once, [&](const Pass& p, std::size_t first) {
    const MatrixXd& seen = p.layers.back().seen;
    MatrixXd arriving = p.error;
    if (late && late_errors_.empty()) {
      arriving.setZero();
    } else if (late) {
      arriving = late_errors_.front().middleRows(static_cast<Eigen::Index>(first), p.error.rows());
    }
    const MatrixXd taught = arriving.binaryExpr(p.y, way_back.teaching);
    const auto slope = [&](std::size_t layer) -> MatrixXd {
      return slopes(p.layers[layer].z).cwiseProduct(p.layers[layer].mask);
    };
    MatrixXd signal = share(rows) * output_scale() * (taught * v.transpose()).cwiseProduct(slope(inner.size()));
    if (way_back.hebbian != nullptr) {
      for (Eigen::Index i = 0; i < signal.rows(); ++i) {
        for (Eigen::Index r = 0; r < signal.cols(); ++r) {
          signal(i, r) = -share(rows) * output_scale() * way_back.hebbian(arriving.row(i).squaredNorm(), seen(i, r));
        }
      }
    }
    MatrixXd away;  // of a layer's H from its target
    if (way_back.propagates_targets) {
      const double size = training_.target_step_size;
      away = way_back.inverts_outputs ? short_of_target(p, inner.size(), size * taught)
                                      : MatrixXd(size * output_scale() * taught * beta.transpose());
      signal = share(rows) / size * away.cwiseProduct(slope(inner.size()));
    }
    if (way_back.is_centred) {
      signal.rowwise() -= signal.colwise().mean().eval();
    }
    for (std::size_t above = inner.size(); above-- > 0;) {
      g.inner[above].w += output_scale() * signal.transpose() * p.layers[above].seen;
      g.inner[above].bias += signal.colwise().sum().transpose();
      if (way_back.propagates_targets) {
        away = short_of_target(p, above, away);
        signal = share(rows) / training_.target_step_size * away.cwiseProduct(slope(above));
        continue;
      }
      const MatrixXd back = way_back.is_direct ? MatrixXd(share(rows) * taught * direct(above, way_back).transpose())
                                               : MatrixXd(signal * layerwise(above, way_back));
      signal = output_scale() * back.cwiseProduct(slope(above));
    }
    g.w += signal.transpose() * p.x;
    if (way_back.decays_itself) {
      g.w += share(rows) * output_scale() * seen.colwise().squaredNorm().transpose().asDiagonal() * w;
    }
    g.activity += share(rows) * output_scale() * seen.transpose() * p.f;
    g.power += share(rows) * output_scale() * p.f.colwise().squaredNorm().transpose();
    g.hidden_bias += signal.colwise().sum().transpose();
    g.beta += share(rows) * output_scale() * seen.transpose() * p.error;
    g.loss += share(rows) * loss_of(p);
    g.output_bias += share(rows) * p.error.colwise().sum().transpose();
  });
  return g;
}

MatrixXd PlainNetwork::invert(std::size_t layer, const MatrixXd& above) const {
  const bool is_last = layer == inner.size();
  const MatrixXd v = is_last ? b : MatrixXd(inner[layer].b.transpose());
  const VectorXd& bias = is_last ? last_inverse_bias : inner[layer].inverse_bias;
  return (output_scale() * above * v.transpose()).rowwise() + bias.transpose();
}

MatrixXd PlainNetwork::short_of_target(const Pass& pass, std::size_t layer, const MatrixXd& above) const {
  const MatrixXd& now = layer == inner.size() ? pass.f : pass.layers[layer + 1].seen;
  return rounded(invert(layer, now).unaryExpr(function_.psi)) -
         rounded(invert(layer, now - above).unaryExpr(function_.psi));
}

void PlainNetwork::learn_inverses(Rows rows, std::int64_t step) {
  if (!rule_.propagates_targets) {
    return;
  }
  const Pass p = pass(rows, 0);
  const double size = training_.inverse_step_size / static_cast<double>(rows.size());
  for (std::size_t layer = 0; layer < inner.size() + (rule_.inverts_outputs ? 1 : 0); ++layer) {
    const bool is_last = layer == inner.size();
    const int samples = static_cast<int>(rows.size());
    const MatrixXd noise = matrix_of(noise_of_inverse(problem_, training_, static_cast<int>(layer) + 1, step, samples),
                                     samples, problem_.width);
    const MatrixXd noisy = p.layers[layer].seen + training_.inverse_noise * noise;
    const MatrixXd sent = output_scale() * noisy * (is_last ? beta : MatrixXd(inner[layer].w.transpose()));
    const MatrixXd above = is_last
                               ? MatrixXd(sent.rowwise() + output_bias.transpose())
                               : MatrixXd((sent.rowwise() + inner[layer].bias.transpose()).unaryExpr(function_.psi));
    const MatrixXd back = invert(layer, above);
    const MatrixXd wrong =
        (rounded(back.unaryExpr(function_.psi)) - noisy).cwiseProduct(back.unaryExpr(function_.psi_prime));
    const MatrixXd gradient = output_scale() * wrong.transpose() * above;  // width x units above
    if (is_last) {
      b -= size * gradient;
    } else {
      inner[layer].b -= size * gradient.transpose();
    }
    if (training_.biases) {
      (is_last ? last_inverse_bias : inner[layer].inverse_bias) -= size * wrong.colwise().sum().transpose();
    }
  }
}

/// Of the layer below inner layer `above`: width x outputs.
MatrixXd PlainNetwork::direct(std::size_t above, const PlainRule& way_back) const {
  return inner[above].b.unaryExpr([&](double weight) { return way_back.feedback(weight, 0); });
}
/// From inner layer `above` to the one below it; under backprop the network's own rule may have b of another shape.
MatrixXd PlainNetwork::layerwise(std::size_t above, const PlainRule& way_back) const {
  const MatrixXd& forward = inner[above].w;
  const double size = inner_weight_size(training_, problem_.width);
  return (rule_.is_direct ? forward : inner[above].b).binaryExpr(forward, [&](double back, double forth) {
    return size * way_back.feedback(back / size, forth / size);
  });
}

PlainGradients PlainNetwork::gradients(Rows rows) const {
  return gradients(rows, rule_, training_.error_delay > 0);
}
PlainGradients PlainNetwork::backprop_gradients(Rows rows) const {
  return gradients(rows, find_plain(plain_rules, "backprop"), false);
}

double PlainNetwork::hidden_step_size(double step_size) const {
  const double scale = training_.richness > 0 ? training_.richness * std::sqrt(problem_.width) : 1;
  return std::pow(scale, rule_.rich_power) * step_size;
}

void PlainNetwork::begin_step(std::int64_t step) {
  if (rule_.redraws_feedback) {
    b = matrix_of(feedback_of_step(problem_, training_, step), problem_.width, problem_.outputs);
  }
}

MatrixXd PlainNetwork::direction(const MatrixXd& gradient, Kept& kept) const {
  MatrixXd result = gradient;
  for (MatrixXd& numbers : kept) {
    numbers = numbers.size() == 0 ? MatrixXd(MatrixXd::Zero(gradient.rows(), gradient.cols())) : numbers;
  }
  for (Eigen::Index i = 0; i < gradient.size(); ++i) {
    result(i) = optimizer_.direction(training_.optimizer.values(), static_cast<double>(step_), gradient(i), kept[0](i),
                                     kept[1](i));
  }
  return result;
}

double PlainNetwork::advance(Rows rows, double step_size, double ridge) {
  if (training_.error_delay > 0 && late_errors_.empty()) {
    late_errors_.assign(static_cast<std::size_t>(training_.error_delay), errors(rows) * 0);
  }
  const bool alternates = training_.inverse_updates == InverseUpdates::alternating;
  if (alternates) {
    learn_inverses(rows, step_);
  }
  PlainGradients g = gradients(rows);
  if (!alternates) {
    learn_inverses(rows, step_);
  }
  if (!late_errors_.empty()) {
    late_errors_.push_back(errors(rows));
    late_errors_.pop_front();
  }
  g.w = direction(g.w, kept_w_);
  g.beta = direction(g.beta, kept_beta_);
  g.hidden_bias = direction(g.hidden_bias, kept_hidden_bias_);
  g.output_bias = direction(g.output_bias, kept_output_bias_);
  const double decay = 1 - step_size * ridge;
  const auto kept = [&](int layer) { return training_.decay.reaches(layer) ? decay : 1; };  // 0: the outputs
  w = kept(1) * w - hidden_step_size(step_size) * g.w;
  const double output_step = training_.output_step_factor * step_size;
  beta = kept(0) * beta - output_step * g.beta;
  if (rule_.learns_feedback) {
    b = kept(0) * b - output_step * g.beta;
  }
  if (rule_.adapts_feedback) {
    b += step_size * (g.activity - b * g.power.asDiagonal());
  }
  kept_inner_.resize(2 * inner.size());
  for (std::size_t layer = 0; layer < inner.size(); ++layer) {
    g.inner[layer].w = direction(g.inner[layer].w, kept_inner_[2 * layer]);
    g.inner[layer].bias = direction(g.inner[layer].bias, kept_inner_[2 * layer + 1]);
    const double inner_decay = kept(static_cast<int>(layer) + 2);
    const auto step = [&](const MatrixXd& weights) -> MatrixXd {
      return inner_decay * weights - hidden_step_size(step_size) * g.inner[layer].w;
    };
    inner[layer].w = rounded(step(inner[layer].w));
    inner[layer].b = rule_.learns_feedback ? rounded(step(inner[layer].b)) : inner[layer].b;
    if (training_.biases) {
      inner[layer].bias -= hidden_step_size(step_size) * g.inner[layer].bias;
    }
  }
  if (training_.biases) {
    hidden_bias -= hidden_step_size(step_size) * g.hidden_bias;
    output_bias -= output_step * g.output_bias;
  }
  if (rule_.mirrors) {
    mirror(step_);
  }
  ++step_;
  w = rounded(w);
  beta = rounded(beta);
  b = rounded(b);
  return g.loss;
}

void PlainNetwork::mirror(std::int64_t step) {
  const double size = training_.mirror_step_size;
  const int samples = training_.mirror_samples;
  const auto noise = [&](int layer) {
    return matrix_of(noise_of_step(problem_, training_, layer, step), samples, problem_.width);
  };
  const auto learn = [&](MatrixXd& feedback, const MatrixXd& seen) {
    feedback = rounded(feedback + size * (seen / samples - training_.mirror_decay * feedback));
  };
  const MatrixXd last = noise(training_.depth);
  learn(b, last.transpose() * (last * beta));
  for (std::size_t layer = 0; layer < inner.size(); ++layer) {
    const MatrixXd below = noise(static_cast<int>(layer) + 1);
    learn(inner[layer].b, (inner[layer].w * below.transpose()) * below);
  }
}

double PlainNetwork::decayed_square() const {
  const Decay decay = training_.decay;
  double sum = (decay.reaches_output() ? beta.squaredNorm() : 0) + (decay.reaches(1) ? w.squaredNorm() : 0);
  for (std::size_t layer = 0; layer < inner.size(); ++layer) {
    sum += decay.reaches(static_cast<int>(layer) + 2) ? inner[layer].w.squaredNorm() : 0;
  }
  return sum;
}

void PlainNetwork::observe_signals(Rows batch, Observation& o) const {
  const MatrixXd error = errors(batch);
  std::vector<double> cosines;
  for (Eigen::Index i = 0; i < error.rows(); ++i) {
    const double cosine = signal_cosine_of(beta * error.row(i).transpose(), b * error.row(i).transpose());
    if (!std::isnan(cosine)) {
      cosines.push_back(cosine);
    }
  }
  if (!cosines.empty()) {
    const Eigen::Map<const Eigen::ArrayXd> all(cosines.data(), static_cast<Eigen::Index>(cosines.size()));
    o.signal_cosine = all.mean();
    o.signal_deviation = std::sqrt((all - all.mean()).square().mean());
  }
  if (error.cols() > 1) {
    o.without_signal = static_cast<double>(error.rows()) - static_cast<double>(cosines.size());
  }
  const VectorXd total = error.colwise().sum().transpose();
  o.batch_signal_cosine = signal_cosine_of(beta * total, b * total);
}

Observation PlainNetwork::observe(Rows batch, bool has_classes, unsigned traits) const {
  Observation o;
  o.batch_loss = sums(batch).loss;
  PlainNetwork whole = *this;
  whole.mask = nullptr;
  if ((traits & sees_training_set) != 0) {
    const PlainSums training = whole.sums(rows_from(0, problem_.samples));
    o.loss = training.loss;
    o.squared_error = training.squared_error;
    o.accuracy = has_classes ? training.accuracy : not_a_number;
  }
  if ((traits & sees_test_set) != 0 && problem_.test_samples > 0) {
    const PlainSums test = whole.sums(rows_from(problem_.samples, problem_.test_samples));
    o.test_loss = test.loss;
    o.test_accuracy = has_classes ? test.accuracy : not_a_number;
  }
  o.decayed_square = decayed_square();
  o.output_square = beta.squaredNorm();
  o.feedback_square = b.squaredNorm();
  o.feedback_dot_output = b.cwiseProduct(beta).sum();
  const MatrixXd start = matrix_of(problem_.output_weight, problem_.width, problem_.outputs);
  o.max_output_change = (beta - start).cwiseAbs().maxCoeff();
  if ((traits & sees_hidden_change) != 0) {
    const MatrixXd change = w - matrix_of(problem_.hidden_weight(), problem_.width, problem_.inputs);
    o.hidden_change_square = change.squaredNorm();
    o.max_hidden_change = change.rowwise().norm().maxCoeff();
    const PlainNetwork start_network(problem_, training_, function_.name, rule_.name);
    for (std::size_t layer = 0; layer < inner.size(); ++layer) {
      const MatrixXd moved = inner[layer].w - start_network.inner[layer].w;
      o.hidden_change_square += moved.squaredNorm();
      o.max_hidden_change = std::max(o.max_hidden_change, moved.rowwise().norm().maxCoeff());
    }
  }
  if ((traits & sees_gradients) != 0) {
    const PlainGradients by_rule = gradients(batch);
    const PlainGradients by_backprop = backprop_gradients(batch);
    const auto add = [&o](const MatrixXd& rule, const MatrixXd& backprop) {
      o.rule_gradient_square += rule.squaredNorm();
      o.backprop_gradient_square += backprop.squaredNorm();
      o.gradient_dot += rule.cwiseProduct(backprop).sum();
    };
    add(by_rule.w, by_backprop.w);
    for (std::size_t layer = 0; layer < inner.size(); ++layer) {
      add(by_rule.inner[layer].w, by_backprop.inner[layer].w);
    }
  }
  if ((traits & for_several_outputs) != 0) {
    observe_signals(batch, o);
  }
  return o;
}

}  // namespace fasweep
