#include "backend/cpu/layered.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <Eigen/Dense>

#include "backend/cpu/batch_loader.hpp"
#include "backend/cpu/delayed_errors.hpp"
#include "backend/cpu/descent.hpp"
#include "backend/cpu/input_rows.hpp"
#include "backend/cpu/inverse_layers.hpp"
#include "backend/cpu/layered_network.hpp"
#include "backend/cpu/mirror_step.hpp"
#include "backend/cpu/network_state.hpp"
#include "backend/cpu/output_layer.hpp"
#include "backend/cpu/sample_sums.hpp"
#include "model/activation/list.hpp"
#include "model/layer_numbers.hpp"
#include "model/layers.hpp"
#include "model/metric/list.hpp"
#include "model/random.hpp"
#include "model/richness.hpp"
#include "model/rule/list.hpp"
#include "model/step_samples.hpp"
#include "train/train_loop.hpp"

namespace fasweep {
namespace {

template <class... Types>
constexpr bool have_forward_weights_to_learn_by(TypeList<Types...> /*rules*/) {
  return ((Types::route == Route::layerwise || !Types::learns_feedback) && ...);
}
static_assert(have_forward_weights_to_learn_by(Rules()), "a direct rule does not learn b (model/rule/list.hpp)");

template <class Scalar>
class LayeredState final : public NetworkReader {
 public:
  using Matrix = typename LayeredNetwork<Scalar>::Matrix;
  using Vector = typename LayeredNetwork<Scalar>::Vector;

  LayeredState(const TrainingRequest& request, const RunSpec& run)
      : problem_(request.problem),
        training_(request.training),
        psi_(run.activation),
        rule_(run.rule),
        seed_(seed_of_training(run)),
        hidden_factor_(hidden_step_factor(training_, run.width, run.rule)),
        traits_(traits_of(request.record.metrics)),
        loader_(request, run),
        inputs_(problem_),
        network_(problem_, training_, psi_, inputs_),
        descent_(training_.optimizer, sizes_of_weights()),
        most_samples_(loader_.most_samples()),
        delayed_(training_.error_delay, static_cast<std::size_t>(problem_.outputs) * most_samples_),
        batch_(inputs_),
        feedback_(network_.ends().padded(problem_.feedback).topRows(problem_.width)),
        layers_(static_cast<std::size_t>(training_.depth)),
        inverses_(problem_, training_, psi_, network_.scale()),
        sample_sums_(request) {
    for (int layer = 2; layer <= depth(); ++layer) {
      initial_inner_.push_back(inner_weight(problem_, training_, layer));
    }
    make_inner_feedback();
    load_batch();
    forward();
  }

  [[nodiscard]] double loss() const { return sums_.loss * share_of(batch_.size()); }
  [[nodiscard]] double decayed_square() const {
    const double output = training_.decay.reaches_output() ? square_of(network_.ends().output_weight()) : 0;
    return output + decayed_hidden_square();
  }

  /// All layers learn from the batch of step t, by what the weights of step t send back.
  void advance(double step_size, double ridge) {
    const auto decay = static_cast<Scalar>(1 - step_size * ridge);
    const bool alternates = training_.inverse_updates == InverseUpdates::alternating;
    if (alternates) {
      learn_inverses();
    }
    send_back(rule_, taught_signal(), way_back_);
    if (!alternates) {
      learn_inverses();
    }
    const auto kept = [&](int layer) { return training_.decay.reaches(layer) ? decay : Scalar(1); };  // 0: the outputs
    step_outputs(training_.output_step_factor * step_size, kept(0));
    for (int layer = depth(); layer > 1; --layer) {
      step_inner(layer, hidden_factor_ * step_size, kept(layer));
    }
    step_first(hidden_factor_ * step_size, kept(1));
    if (mirrors(rule_)) {
      mirror();
    }
    delayed_.pass({error_.data(), static_cast<std::size_t>(error_.size())});
    ++step_;
    load_batch();
    forward();
  }

  [[nodiscard]] Observation observe() {
    Observation o;
    o.batch_loss = loss();
    const double p = problem_.width;
    sample_sums_.observe(sums_, network_, p * (problem_.inputs + (depth() - 1) * p), o);
    const Eigen::MatrixXd beta = network_.output_weight().template cast<double>();
    const Eigen::MatrixXd b = feedback_.template cast<double>();
    o.decayed_square = decayed_square();
    o.output_square = beta.squaredNorm();
    o.feedback_square = b.squaredNorm();
    o.feedback_dot_output = (b.array() * beta.array()).sum();
    const BlockedNetwork<Scalar>& ends = network_.ends();
    o.max_output_change = (ends.output_weight() - ends.padded(problem_.output_weight)).cwiseAbs().maxCoeff();
    if ((traits_ & for_several_outputs) != 0) {
      observe_signals(beta, b, error_.template cast<double>(), o);
    }
    if ((traits_ & sees_hidden_change) != 0) {
      observe_hidden_change(o);
    }
    if ((traits_ & sees_gradients) != 0) {
      for (const GradientSums& layer : compare_gradients(compare_ways_back())) {
        o.rule_gradient_square += layer.rule_square;
        o.backprop_gradient_square += layer.backprop_square;
        o.gradient_dot += layer.dot;
      }
    }
    return o;
  }

  // Of several hidden layers the first and the last: what follows W and what comes before beta is read_inner_...
  void read_output_weight(int first, std::span<double> beta) const override {
    copy_rows(network_.output_weight(), first, beta);
  }
  void read_feedback(int first, std::span<double> b) const override { copy_rows(feedback_, first, b); }
  void read_output_bias(std::span<double> bias) const override {
    std::copy_n(network_.ends().output_bias().data(), bias.size(), bias.begin());
  }
  void read_hidden_bias(int first, std::span<double> bias) const override {
    std::copy_n(network_.ends().hidden_bias().data() + first, bias.size(), bias.begin());
  }
  [[nodiscard]] bool read_batch_outputs(std::span<double> f) const override {
    std::copy_n(outputs_.data(), f.size(), f.begin());
    return true;
  }
  void read_hidden_weight(const Problem& /*problem*/, int first, std::span<double> weights) const override {
    network_.ends().copy_hidden_weight(first, weights);
  }
  void read_inner_weight(int layer, int first, std::span<double> weights) const override {
    copy_rows(network_.weight(layer), first, weights);
  }
  void read_inner_bias(int layer, int first, std::span<double> bias) const override {
    std::copy_n(network_.bias(layer).data() + first, bias.size(), bias.begin());
  }
  void read_inner_feedback(int layer, int first, std::span<double> b) const override {
    copy_rows(route_of(rule_) == Route::direct ? feedback_to(layer) : feedback_to(layer - 1), first, b);
  }
  void read_pre_activation(int first, std::span<double> z) const override {
    const std::size_t units = z.size() / static_cast<std::size_t>(problem_.samples + problem_.test_samples);
    std::vector<double> weights(units * static_cast<std::size_t>(problem_.inputs));
    network_.ends().copy_hidden_weight(first, weights);
    const Scalar* bias = network_.ends().hidden_bias().data() + first;
    multiply_inputs(problem_, weights, std::vector<double>(bias, bias + units), z);
  }
  void read_hidden_change(int first, std::span<double> change) const override {
    std::vector<double> start(change.size());
    problem_.fill_hidden_weight(first, start);
    network_.ends().copy_hidden_weight(first, change);
    for (std::size_t i = 0; i < change.size(); ++i) {
      change[i] -= static_cast<double>(static_cast<Scalar>(start[i]));
    }
  }

  [[nodiscard]] std::vector<LayerNumbers> layer_numbers() const override {
    const BothWays ways = compare_ways_back();
    const std::vector<GradientSums> gradients = compare_gradients(ways);
    std::vector<LayerNumbers> numbers(static_cast<std::size_t>(depth()));
    for (int layer = 1; layer <= depth(); ++layer) {
      const std::size_t at = index(layer);
      LayerNumbers& n = numbers[at];
      const auto [b, w] = link_above(layer);
      const double b_square = b.squaredNorm();
      const double w_square = w.squaredNorm();
      n.weight_cosine = cosine(b.cwiseProduct(w).sum(), b_square, w_square);
      n.weight_ratio = w_square > 0 ? std::sqrt(b_square) / std::sqrt(w_square) : not_a_number;
      n.signal_cosine = mean_cosine(ways.rule.signal[at], ways.backprop.signal[at]);
      n.gradient_cosine = cosine(gradients[at].dot, gradients[at].rule_square, gradients[at].backprop_square);
      n.effective_rank = effective_rank(layers_[at].h.template cast<double>());
    }
    return numbers;
  }

  /// Fills in what the evaluations gave, one for each observation.
  void complete(std::span<Observation> observations) { sample_sums_.complete(observations); }

  void save(ByteWriter& out) {
    put_lanes(out, Pack<Scalar>::lanes);
    out.put(evaluation_layout);
    network_.save(out);
    descent_.save(out);
    delayed_.save(out);
    if (learns_feedback(rule_)) {
      out.put_array(std::span<const Scalar>(network_.numbers(feedback_)));
      for (const Matrix& b : inner_feedback_) {
        out.put_array(network_.numbers(b));
      }
    }
    if (propagates_targets(rule_)) {
      inverses_.save(out);
    }
    sample_sums_.save(out);
  }

  void restore(ByteReader& in, const SavedAt& at) {
    check_lanes(in, Pack<Scalar>::lanes);
    if (in.get<std::uint64_t>() != evaluation_layout) {
      throw TransportError(std::string(other_layout));
    }
    step_ = at.step;
    network_.restore(in);
    descent_.restore(in);
    delayed_.restore(in);
    if (learns_feedback(rule_)) {
      get_finite(in, network_.numbers(feedback_));
      for (Matrix& b : inner_feedback_) {
        get_finite(in, network_.numbers(b));
      }
    }
    if (propagates_targets(rule_)) {
      inverses_.restore(in);
    }
    sample_sums_.restore(in, at.observations);
    load_batch();
    forward();
  }

 private:
  /// What the step's batch makes of a layer, units x samples.
  struct Layer {
    Matrix z;
    Matrix h;
    Matrix mask;  // 0 or 1 / (1 - q), with dropout
    Matrix seen;  // h with its mask, with dropout
  };
  /// What comes back to each layer from the batch, units x samples.
  struct WayBack {
    std::vector<Matrix> signal;  // by the feedback weights
    std::vector<Matrix> delta;   // s signal .* psi'(Z) .* mask: what the layer learns by
  };
  struct BothWays {
    WayBack rule;
    WayBack backprop;
  };
  struct GradientSums {
    double rule_square = 0;
    double backprop_square = 0;
    double dot = 0;
  };
  /// Feedback weights and the forward weights in whose place they stand.
  struct Link {
    Eigen::MatrixXd b;
    Eigen::MatrixXd w;
  };

  [[nodiscard]] int depth() const { return network_.depth(); }
  static std::size_t index(int layer) { return static_cast<std::size_t>(layer - 1); }
  [[nodiscard]] bool drops() const { return training_.dropout > 0; }
  [[nodiscard]] double share_of(int samples) const { return loss_share(training_.reduction, samples); }
  [[nodiscard]] const Matrix& seen(int layer) const {
    const Layer& own = layers_[index(layer)];
    return drops() ? own.seen : own.h;
  }
  template <class Dense>
  static double square_of(const Dense& dense) {
    return dense.template cast<double>().squaredNorm();
  }
  /// Rows first, first + 1, ... of a matrix, as many as `rows` holds, in row-major order.
  template <class Dense>
  static void copy_rows(const Dense& matrix, int first, std::span<double> rows) {
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Index units = static_cast<Eigen::Index>(rows.size()) / matrix.cols();
    Eigen::Map<RowMajor>(rows.data(), units, matrix.cols()) = matrix.middleRows(first, units).template cast<double>();
  }

  /// Of a layerwise rule B_2, B_3, ...; of a direct one B_1, B_2, ..., those of all layers but the last.
  void make_inner_feedback() {
    const bool is_direct = route_of(rule_) == Route::direct;
    const int columns = is_direct ? problem_.outputs : problem_.width;
    for (int layer = 2; layer <= depth(); ++layer) {
      Matrix& b = inner_feedback_.emplace_back(problem_.width, columns);
      for_row_blocks(
          problem_.width, columns,
          is_direct ? direct_feedback(problem_, training_, layer - 1) : inner_feedback(problem_, training_, layer),
          [&](int first, const auto& rows) { b.middleRows(first, rows.rows()) = rows.template cast<Scalar>(); });
    }
  }
  /// B_{layer+1} of a layerwise rule, B_layer of a direct one; layer < depth.
  [[nodiscard]] const Matrix& feedback_to(int layer) const { return inner_feedback_[index(layer)]; }

  void load_batch() { targets_ = loader_.load(step_, network_.ends(), batch_); }

  /// Never inlined: a restored state comes through the same instructions as one that was never saved.
  [[gnu::noinline]] void forward() {
    for (int layer = 1; layer <= depth(); ++layer) {
      Layer& own = layers_[index(layer)];
      if (layer == 1) {
        network_.activate_first(batch_, own.z, own.h);
      } else {
        network_.activate(layer, seen(layer - 1), own.z, own.h);
      }
      if (drops()) {
        draw_mask(layer, own);
      }
    }
    outputs_.noalias() = network_.output_weight().transpose() * seen(depth());
    network_.ends().finish_outputs(outputs_);
    error_.resize(outputs_.rows(), outputs_.cols());
    sums_ = take_errors(training_.loss, outputs_, targets_, error_);
  }

  void draw_mask(int layer, Layer& own) const {
    const RandomStream stream = layer_masks(seed_, problem_.width, layer);
    std::vector<double> uniform(static_cast<std::size_t>(problem_.width));
    own.mask.resize(own.h.rows(), own.h.cols());
    for (Eigen::Index i = 0; i < own.mask.cols(); ++i) {
      stream.fill_uniform(uniform, 2 * first_mask_pair(step_, most_samples_, static_cast<int>(i), problem_.width));
      std::transform(uniform.begin(), uniform.end(), own.mask.col(i).data(),
                     [&](double u) { return mask_factor<Scalar>(u, training_.dropout); });
    }
    own.seen = own.h.cwiseProduct(own.mask);
  }

  /// What teaches the hidden layers, from the batch's errors and targets: outputs x samples.
  [[nodiscard]] Matrix taught_signal() const {
    const Scalar* const errors = delayed_.are_late() ? delayed_.arriving().data() : error_.data();
    const Eigen::Map<const Matrix> arriving(errors, error_.rows(), error_.cols());
    return Rules::visit(rule_, [&](auto type) -> Matrix {
      using Rule = typename decltype(type)::type;
      if constexpr (Rule::error_teaches) {
        return arriving;
      } else {
        return arriving.binaryExpr(targets_, [](Scalar e, Scalar y) { return Rule::teaching(e, y); });
      }
    });
  }

  /// v of a rule: b or w themselves where it is one of them, else `made`. size: of the weights, at the start.
  static const Matrix& sent_by(int rule, const Matrix& b, const Matrix& w, double size, Matrix& made) {
    return Rules::visit(rule, [&](auto type) -> const Matrix& {
      using Rule = typename decltype(type)::type;
      const double of_b = Rule::feedback(1.0, 0.0);
      const double of_w = Rule::feedback(0.0, 1.0);
      if (Rule::feedback_is_linear && of_b + of_w == 1 && of_b * of_w == 0) {
        return of_b == 1 ? b : w;
      }
      const auto unit = static_cast<Scalar>(size);
      made = b.binaryExpr(w, [unit](Scalar x, Scalar y) { return unit * Rule::feedback(x / unit, y / unit); });
      return made;
    });
  }

  /// What `rule` sends back of `taught`, outputs x samples. The weights that a direct rule would learn from are 0.
  void send_back(int rule, const Matrix& taught, WayBack& back) const {
    back.signal.resize(layers_.size());
    back.delta.resize(layers_.size());
    if (propagates_targets(rule)) {
      send_targets(taught, back);
      return;
    }
    const bool is_direct = route_of(rule) == Route::direct;
    const Matrix beta = network_.output_weight();
    Matrix made;
    for (int layer = depth(); layer >= 1; --layer) {
      Matrix& signal = back.signal[index(layer)];
      if (layer == depth()) {
        signal.noalias() = sent_by(rule, feedback_, beta, 1, made) * taught;
      } else if (is_direct) {
        const Matrix& b = feedback_to(layer);
        signal.noalias() = sent_by(rule, b, Matrix::Zero(b.rows(), b.cols()), 1, made) * taught;
      } else {
        const Matrix& w = network_.weight(layer + 1);
        const Matrix& b = route_of(rule_) == Route::direct ? w : feedback_to(layer);  // backprop looks at w alone
        signal.noalias() = sent_by(rule, b, w, inner_weight_size(training_, problem_.width), made).transpose() *
                           back.delta[index(layer + 1)];
      }
      take_slopes(layers_[index(layer)], signal, back.delta[index(layer)]);
    }
  }

  /// What the layers' targets are away from what the layers pass on: of the last by the gradient or by an inverse of
  /// the outputs, of the others by inverses of the layers above.
  void send_targets(const Matrix& taught, WayBack& back) const {
    const auto size = static_cast<Scalar>(training_.target_step_size);
    const auto scale = static_cast<Scalar>(network_.scale());
    Matrix away = size * taught;  // of the outputs, then of each layer
    for (int layer = depth(); layer >= 1; --layer) {
      Matrix& signal = back.signal[index(layer)];
      if (layer == depth() && !inverts_outputs(rule_)) {
        signal.noalias() = network_.output_weight() * taught;
        away = size * scale * signal;
      } else {
        const Matrix& above = layer == depth() ? outputs_ : seen(layer + 1);
        away = invert(layer, above) - invert(layer, above - away);
        signal = away / (size * scale);
      }
      take_slopes(layers_[index(layer)], signal, back.delta[index(layer)]);
    }
  }

  /// What the inverse of the layer above, or of the outputs, takes `layer` to pass on.
  [[nodiscard]] Matrix invert(int layer, const Matrix& above) const {
    return layer == depth() ? inverses_.apply(layer, feedback_, above)
                            : inverses_.apply(layer, feedback_to(layer).transpose(), above);
  }

  /// Inverse layers learn from the batch and the forward weights of the step, if the rule has them.
  void learn_inverses() {
    if (!propagates_targets(rule_)) {
      return;
    }
    Matrix z;
    Matrix above;
    for (int layer = 1; layer < depth(); ++layer) {
      const Matrix noisy = inverses_.with_noise(layer, seen(layer), step_);
      network_.activate(layer + 1, noisy, z, above);
      inverses_.learn(layer, inner_feedback_[index(layer)].transpose(), noisy, above);
    }
    if (inverts_outputs(rule_)) {
      const Matrix noisy = inverses_.with_noise(depth(), seen(depth()), step_);
      above.noalias() = network_.output_weight().transpose() * noisy;
      network_.ends().finish_outputs(above);
      inverses_.learn(depth(), feedback_, noisy, above);
    }
  }

  void take_slopes(const Layer& own, const Matrix& signal, Matrix& delta) const {
    const auto scale = static_cast<Scalar>(network_.scale());
    delta.resize(signal.rows(), signal.cols());
    Activations::visit(psi_, [&](auto type) {
      const Scalar* const z = own.z.data();
      const Scalar* const h = own.h.data();
      for (Eigen::Index i = 0; i < signal.size(); ++i) {
        delta.data()[i] = scale * signal.data()[i] * decltype(type)::type::derivative(z[i], h[i]);
      }
    });
    if (drops()) {
      delta.array() *= own.mask.array();
    }
  }

  // What descent_ keeps apart; weights and biases of a layer follow one another.
  static constexpr std::size_t output_weights = 0;
  static constexpr std::size_t output_biases = 1;
  static std::size_t weights_of(int layer) { return 2 * static_cast<std::size_t>(layer); }
  static std::size_t biases_of(int layer) { return weights_of(layer) + 1; }
  [[nodiscard]] std::vector<std::size_t> sizes_of_weights() const {
    const auto p = static_cast<std::size_t>(problem_.width);
    std::vector<std::size_t> sizes{p * static_cast<std::size_t>(problem_.outputs),
                                   static_cast<std::size_t>(problem_.outputs), network_.ends().hidden_weights().size(),
                                   static_cast<std::size_t>(network_.ends().hidden_bias().size())};
    for (int layer = 2; layer <= training_.depth; ++layer) {
      sizes.insert(sizes.end(), {p * p, p});
    }
    return sizes;
  }

  /// Makes of a gradient of the weights first, first + 1, ... of a kind what the step goes along, and returns what that
  /// lacks: its size, and under plain gradient descent share, which is what the gradient lacks.
  template <class Dense>
  Scalar turn(std::size_t kind, std::size_t first, double share, double step_size, Dense& gradient) {
    if (descent_.is_sgd()) {
      return static_cast<Scalar>(step_size * share);
    }
    gradient *= static_cast<Scalar>(share);
    descent_.turn(kind, first, step_, {gradient.data(), static_cast<std::size_t>(gradient.size())});
    return static_cast<Scalar>(step_size);
  }

  void step_outputs(double step_size, Scalar decay) {
    const double share = share_of(batch_.size());
    Matrix gradient = seen(depth()) * error_.transpose();
    const Scalar scale = turn(output_weights, 0, share * network_.scale(), step_size, gradient);
    Matrix& padded = network_.ends().output_weight();
    for (Eigen::Index c = 0; c < gradient.cols(); ++c) {
      step(gradient.rows(), gradient.col(c).data(), scale, decay, padded.col(c).data(), feedback_.col(c).data());
    }
    if (training_.biases) {
      Vector of_bias = error_.rowwise().sum();
      network_.ends().output_bias() -= turn(output_biases, 0, share, step_size, of_bias) * of_bias;
    }
  }

  void step_inner(int layer, double step_size, Scalar decay) {
    const double share = share_of(batch_.size());
    const Matrix& delta = way_back_.delta[index(layer)];
    gradient_.noalias() = delta * seen(layer - 1).transpose();
    const Scalar scale = turn(weights_of(layer), 0, share * network_.scale(), step_size, gradient_);
    const bool is_layerwise = route_of(rule_) == Route::layerwise;
    step(gradient_.size(), gradient_.data(), scale, decay, network_.weight(layer).data(),
         is_layerwise ? inner_feedback_[index(layer - 1)].data() : nullptr);
    if (training_.biases) {
      Vector of_bias = delta.rowwise().sum();
      network_.bias(layer) -= turn(biases_of(layer), 0, share, step_size, of_bias) * of_bias;
    }
  }

  /// All feedback weights learn from noise, by the forward weights beside them.
  void mirror() {
    mirror_step(problem_, training_, depth(), step_, network_.output_weight(), feedback_);
    for (int layer = 2; layer <= depth(); ++layer) {
      mirror_step(problem_, training_, layer - 1, step_, network_.weight(layer).transpose(),
                  inner_feedback_[index(layer - 1)].transpose());
    }
  }

  /// A rule's step of `count` forward weights and the feedback weights beside them, if there are any.
  void step(Eigen::Index count, const Scalar* gradient, Scalar scale, Scalar decay, Scalar* w, Scalar* b) const {
    Rules::visit(rule_, [&](auto type) {
      using Rule = typename decltype(type)::type;
      for (Eigen::Index i = 0; i < count; ++i) {
        Readout<Scalar> readout{w[i], b == nullptr ? Scalar(0) : b[i]};
        Rule::step(readout, scale * gradient[i], decay, Scalar(1));
        w[i] = readout.beta;
        if constexpr (Rule::learns_feedback) {
          b[i] = readout.b;
        }
      }
    });
  }

  void step_first(double step_size, Scalar decay) {
    const double share = share_of(batch_.size());
    if (!descent_.is_sgd()) {
      descend_first(share, step_size, decay);
      return;
    }
    BlockedNetwork<Scalar>& ends = network_.ends();
    const Matrix& delta = way_back_.delta[0];
    AlignedNumbers<Scalar> signal(static_cast<std::size_t>(ends.units()) * batch_.size());
    for (int block = 0; block < ends.blocks(); ++block) {
      copy_block(delta, block, -static_cast<Scalar>(step_size * share), signal);
      if (training_.decay.reaches(1)) {
        Eigen::Map<Matrix>(ends.hidden_weight(block), ends.units(), problem_.inputs) *= decay;
      }
      if (training_.biases) {
        ends.hidden_bias().segment(block * ends.units(), ends.units()) +=
            Eigen::Map<const Matrix>(signal.data(), ends.units(), batch_.size()).rowwise().sum();
      }
      batch_.add_transposed(signal.data(), ends.units(), ends.hidden_weight(block));
    }
  }

  /// The same along what the optimizer makes of the gradient.
  void descend_first(double share, double step_size, Scalar decay) {
    BlockedNetwork<Scalar>& ends = network_.ends();
    for (int block = 0; block < ends.blocks(); ++block) {
      Matrix gradient = first_gradient(way_back_.delta[0], block);
      const Scalar size =
          turn(weights_of(1), static_cast<std::size_t>(block) * ends.block_weights(), share, step_size, gradient);
      Eigen::Map<Matrix> w(ends.hidden_weight(block), ends.units(), problem_.inputs);
      w = decay * w - size * gradient;
      if (training_.biases) {
        AlignedNumbers<Scalar> signal(static_cast<std::size_t>(ends.units()) * batch_.size());
        copy_block(way_back_.delta[0], block, Scalar(1), signal);
        Vector of_bias = Eigen::Map<const Matrix>(signal.data(), ends.units(), batch_.size()).rowwise().sum();
        const auto first = static_cast<std::size_t>(block * ends.units());
        ends.hidden_bias().segment(block * ends.units(), ends.units()) -=
            turn(biases_of(1), first, share, step_size, of_bias) * of_bias;
      }
    }
  }

  /// scale delta of a block's units, 0 beyond the width.
  void copy_block(const Matrix& delta, int block, Scalar scale, AlignedNumbers<Scalar>& signal) const {
    const BlockedNetwork<Scalar>& ends = network_.ends();
    const int real = ends.real_units(block);
    Eigen::Map<Matrix> target(signal.data(), ends.units(), delta.cols());
    target.topRows(real) = scale * delta.middleRows(block * ends.units(), real);
    target.bottomRows(ends.units() - real).setZero();
  }

  [[nodiscard]] double decayed_hidden_square() const {
    double sum = 0;
    if (training_.decay.reaches(1)) {
      for (const Scalar w : network_.ends().hidden_weights()) {
        sum += static_cast<double>(w) * static_cast<double>(w);
      }
    }
    for (int layer = 2; layer <= depth(); ++layer) {
      sum += training_.decay.reaches(layer) ? square_of(network_.weight(layer)) : 0;
    }
    return sum;
  }

  /// Of all hidden layers; a unit's weights are those into it.
  void observe_hidden_change(Observation& o) const {
    double unit = 0;
    double largest = 0;
    const BlockedNetwork<Scalar>& ends = network_.ends();
    ends.for_hidden_weights(
        [&](std::size_t at, double start) {
          const auto change = static_cast<double>(ends.hidden_weights()[at] - static_cast<Scalar>(start));
          unit += change * change;
        },
        [&](int) {
          o.hidden_change_square += unit;
          largest = std::max(largest, unit);
          unit = 0;
        });
    for (int layer = 2; layer <= depth(); ++layer) {
      for_row_blocks(problem_.width, problem_.width, initial_inner_[index(layer - 1)],
                     [&](int first, const auto& start) {
                       const Matrix change =
                           network_.weight(layer).middleRows(first, start.rows()) - start.template cast<Scalar>();
                       const Eigen::ArrayXd units = change.template cast<double>().rowwise().squaredNorm();
                       o.hidden_change_square += units.sum();
                       largest = std::max(largest, units.maxCoeff());
                     });
    }
    o.max_hidden_change = std::sqrt(largest);
  }

  [[nodiscard]] BothWays compare_ways_back() const {
    BothWays ways;
    send_back(rule_, taught_signal(), ways.rule);
    send_back(Rules::index_of<Backprop>(), error_, ways.backprop);
    return ways;
  }

  /// Of the weights into each layer, by the batch.
  [[nodiscard]] std::vector<GradientSums> compare_gradients(const BothWays& ways) const {
    std::vector<GradientSums> sums(layers_.size());
    const double share = share_of(batch_.size());
    const auto add = [](double scale, const auto& rule, const auto& backprop, GradientSums& to) {
      const Eigen::ArrayXd r = scale * rule.template cast<double>().reshaped().array();
      const Eigen::ArrayXd b = scale * backprop.template cast<double>().reshaped().array();
      to.rule_square += r.square().sum();
      to.backprop_square += b.square().sum();
      to.dot += (r * b).sum();
    };
    for (int layer = 2; layer <= depth(); ++layer) {
      const Matrix rule = ways.rule.delta[index(layer)] * seen(layer - 1).transpose();
      const Matrix backprop = ways.backprop.delta[index(layer)] * seen(layer - 1).transpose();
      add(share * network_.scale(), rule, backprop, sums[index(layer)]);
    }
    const BlockedNetwork<Scalar>& ends = network_.ends();
    for (int block = 0; block < ends.blocks(); ++block) {
      add(share, first_gradient(ways.rule.delta[0], block), first_gradient(ways.backprop.delta[0], block), sums[0]);
    }
    return sums;
  }
  /// Units of a block x inputs, without scale.
  [[nodiscard]] Matrix first_gradient(const Matrix& delta, int block) const {
    const BlockedNetwork<Scalar>& ends = network_.ends();
    AlignedNumbers<Scalar> signal(static_cast<std::size_t>(ends.units()) * batch_.size());
    copy_block(delta, block, Scalar(1), signal);
    AlignedNumbers<Scalar> gradient(ends.block_weights());
    batch_.add_transposed(signal.data(), ends.units(), gradient.data());
    return Eigen::Map<const Matrix>(gradient.data(), ends.units(), problem_.inputs);
  }

  /// The last weights on the rule's way to a layer: b and beta, or B_{l+1} and W_{l+1}, or B_l and the product of all
  /// forward weights that follow.
  [[nodiscard]] Link link_above(int layer) const {
    const Eigen::MatrixXd beta = network_.output_weight().template cast<double>();
    if (layer == depth()) {
      return {feedback_.template cast<double>(), beta};
    }
    const Eigen::MatrixXd b = feedback_to(layer).template cast<double>();
    if (route_of(rule_) == Route::layerwise) {
      return {b, network_.weight(layer + 1).template cast<double>()};
    }
    Eigen::MatrixXd path = beta;
    for (int above = depth(); above > layer; --above) {
      path = network_.scale() * network_.weight(above).template cast<double>().transpose() * path;
    }
    return {b, path};
  }

  /// Mean over samples, but for those whose signals are too small for a direction.
  static double mean_cosine(const Matrix& rule, const Matrix& backprop) {
    double sum = 0;
    int count = 0;
    for (Eigen::Index i = 0; i < rule.cols(); ++i) {
      const Eigen::VectorXd r = rule.col(i).template cast<double>();
      const Eigen::VectorXd b = backprop.col(i).template cast<double>();
      if (std::min(r.squaredNorm(), b.squaredNorm()) > least_signal_square) {
        sum += cosine(r.dot(b), r.squaredNorm(), b.squaredNorm());
        ++count;
      }
    }
    return count > 0 ? sum / count : not_a_number;
  }

  /// tr(K)^2 / ||K||^2 of K = H^T H, from the smaller of H^T H and H H^T.
  static double effective_rank(const Eigen::MatrixXd& h) {
    const Eigen::MatrixXd gram = h.rows() < h.cols() ? Eigen::MatrixXd(h * h.transpose()) : h.transpose() * h;
    const double square = gram.squaredNorm();
    return square > 0 ? gram.trace() * gram.trace() / square : not_a_number;
  }

  const Problem& problem_;
  const TrainingSettings& training_;
  int psi_;            // position in Activations
  int rule_;           // position in Rules
  std::int64_t seed_;  // of masks
  double hidden_factor_;
  unsigned traits_;
  BatchLoader<Scalar> loader_;
  InputRows<Scalar> inputs_;
  LayeredNetwork<Scalar> network_;
  Descent<Scalar> descent_;
  int most_samples_;  // of a batch
  DelayedErrors<Scalar> delayed_;
  std::int64_t step_ = 0;
  InputBatch<Scalar> batch_;
  Matrix feedback_;                      // b: width x outputs
  std::vector<FillRows> initial_inner_;  // W_2(0), ...
  std::vector<Matrix> inner_feedback_;   // see make_inner_feedback()
  std::vector<Layer> layers_;
  InverseLayers<Scalar> inverses_;  // of a rule that propagates targets
  WayBack way_back_;                // of the step
  Matrix gradient_;                 // as above, of one layer
  Matrix targets_;                  // outputs x samples of the batch
  Matrix outputs_;                  // as above
  Matrix error_;                    // as above
  OutputSums sums_;                 // of the batch
  SampleSums sample_sums_;          // of copies of the network; what they refer to lies above
};

}  // namespace

template <class Scalar>
RunRecord train_layered(const TrainingRequest& request, const RunSpec& run) {
  return train_run([&] { return LayeredState<Scalar>(request, run); }, run, request, Solver::layered);
}

template RunRecord train_layered<float>(const TrainingRequest&, const RunSpec&);
template RunRecord train_layered<double>(const TrainingRequest&, const RunSpec&);

}  // namespace fasweep
