#include "reference/layer_pass.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/layers.hpp"
#include "model/problem.hpp"

namespace fasweep {

LayerPass::LayerPass(const Snapshot& start, const StepFormulas& formulas, std::size_t batch, double share)
    : start_(start),
      training_(start.training()),
      formulas_(formulas),
      share_(share),
      inputs_(static_cast<std::size_t>(start.problem().inputs)),
      width_(static_cast<std::size_t>(start.problem().width)),
      layers_(static_cast<std::size_t>(training_.depth)) {
  for (int layer = 0; training_.dropout > 0 && layer < depth(); ++layer) {
    masks_.emplace_back(start.run(), training_.dropout, static_cast<int>(batch), layer);
  }
}

void LayerPass::run(std::size_t first, std::vector<double> inputs, std::span<const Lesson> lessons) {
  samples_ = lessons.size();
  layers_[0].x = std::move(inputs);
  draw_masks(first);
  for (int layer = 1; layer <= depth(); ++layer) {
    forward(layer);
    if (layer < depth()) {
      pass_on(layer);
    }
  }
  for (int layer = depth(); layer >= 1; --layer) {
    if (layer == depth() || formulas_.rule.is_direct) {
      backward_from_outputs(layer, lessons);
    } else {
      backward(layer);
    }
  }
}

Seen LayerPass::seen(int layer, std::size_t i) const {
  const Layer& own = layers_[index(layer)];
  const std::size_t size = columns(layer);
  Seen seen{std::span(own.x).subspan(i * size, size), {}, own.x_norm[i], 0};
  if (!own.slack.empty()) {
    seen.slack = std::span(own.slack).subspan(i * size, size);
    seen.slack_norm = own.slack_norm[i];
  }
  return seen;
}

template <class Visit>
void LayerPass::for_each_row(std::size_t columns, const ReadRows& read, Visit visit) const {
  constexpr std::size_t most = 64;  // even, as readers begin at even units
  std::vector<double> rows(std::min(most, width_) * columns);
  for (std::size_t first = 0; first < width_; first += most) {
    const std::size_t count = std::min(most, width_ - first);
    read(static_cast<int>(first), std::span(rows).first(count * columns));
    for (std::size_t r = 0; r < count; ++r) {
      visit(static_cast<int>(first + r), std::span<const double>(rows).subspan(r * columns, columns));
    }
  }
}

/// Sample by sample, as streams of masks are read.
void LayerPass::draw_masks(std::size_t first) {
  for (int layer = 1; layer <= depth(); ++layer) {
    std::vector<Response>& response = layers_[index(layer)].response;
    response.assign(samples_ * width_, {});
    for (std::size_t i = 0; training_.dropout > 0 && i < samples_; ++i) {
      for (int unit = 0; unit < static_cast<int>(width_); ++unit) {
        response[at(i, unit)].mask = masks_[index(layer)].factor(0, static_cast<int>(first + i), unit);
      }
    }
  }
}

void LayerPass::forward(int layer) {
  Layer& own = layers_[index(layer)];
  const std::size_t size = columns(layer);
  own.x_norm.resize(samples_);
  own.slack_norm.resize(samples_);
  for (std::size_t i = 0; i < samples_; ++i) {
    own.x_norm[i] = norm(std::span(own.x).subspan(i * size, size));
    own.slack_norm[i] = own.slack.empty() ? 0 : norm(std::span(own.slack).subspan(i * size, size));
  }
  const NetworkReader& network = start_.network();
  std::vector<double> bias(width_);
  layer == 1 ? network.read_hidden_bias(0, bias) : network.read_inner_bias(layer, 0, bias);
  const ReadRows read = [&](int first, std::span<double> rows) {
    layer == 1 ? network.read_hidden_weight(start_.problem(), first, rows)
               : network.read_inner_weight(layer, first, rows);
  };
  for_each_row(size, read, [&](int unit, std::span<const double> w) {
    const UnitWeights weights = make_unit_weights(w, bias[static_cast<std::size_t>(unit)]);
    for (std::size_t i = 0; i < samples_; ++i) {
      Response& r = own.response[at(i, unit)];
      r = formulas_.respond(weights, seen(layer, i), r.mask);
    }
  });
}

/// s H of the layer is what the next one sees.
void LayerPass::pass_on(int layer) {
  const Layer& own = layers_[index(layer)];
  Layer& next = layers_[index(layer + 1)];
  next.x.resize(own.response.size());
  next.slack.resize(own.response.size());
  for (std::size_t j = 0; j < own.response.size(); ++j) {
    next.x[j] = formulas_.output_scale * own.response[j].h;
    next.slack[j] = formulas_.output_scale * own.response[j].h_slack;
  }
}

void LayerPass::backward_from_outputs(int layer, std::span<const Lesson> lessons) {
  Layer& own = layers_[index(layer)];
  own.signal.resize(own.response.size());
  const NetworkReader& network = start_.network();
  const auto outputs = static_cast<std::size_t>(start_.problem().outputs);
  std::vector<double> beta(width_ * outputs);  // which a direct rule does not look at below the last layer
  if (layer == depth()) {
    network.read_output_weight(0, beta);
  }
  const ReadRows read = [&](int first, std::span<double> rows) {
    layer == depth() ? network.read_feedback(first, rows) : network.read_inner_feedback(layer, first, rows);
  };
  std::vector<double> v(outputs);
  for_each_row(outputs, read, [&](int unit, std::span<const double> b) {
    const std::size_t first = static_cast<std::size_t>(unit) * outputs;
    std::transform(b.begin(), b.end(), beta.begin() + static_cast<std::ptrdiff_t>(first), v.begin(),
                   formulas_.rule.feedback);
    for (std::size_t i = 0; i < samples_; ++i) {
      Sum& signal = own.signal[at(i, unit)];
      signal = formulas_.signal(StepFormulas::sent_back(v, lessons[i]), own.response[at(i, unit)]);
      signal.scale(share_ * formulas_.output_scale);
    }
  });
}

void LayerPass::backward(int layer) {
  const Layer& above = layers_[index(layer + 1)];
  const NetworkReader& network = start_.network();
  const auto width = static_cast<Eigen::Index>(width_);
  const double size = inner_weight_size(training_, static_cast<int>(width_));
  std::vector<double> back(samples_ * width_);  // sums over the units above
  std::vector<double> v(width_);                // the rule's weights from one of them to all units here
  std::vector<double> v_square(width_);         // over them, of each unit here
  std::vector<double> v_most(width_);           // likewise
  const ReadRows read = [&](int first, std::span<double> rows) { network.read_inner_weight(layer + 1, first, rows); };
  for_each_row(width_, read, [&](int unit, std::span<const double> w) {
    network.read_inner_feedback(layer + 1, unit, v);
    for (std::size_t j = 0; j < width_; ++j) {
      v[j] = size * formulas_.rule.feedback(v[j] / size, w[j] / size);
      v_square[j] += v[j] * v[j];
      v_most[j] = std::max(v_most[j], std::abs(v[j]));
    }
    for (std::size_t i = 0; i < samples_; ++i) {
      Eigen::Map<Eigen::VectorXd>(&back[i * width_], width) +=
          above.signal[at(i, unit)].value * Eigen::Map<const Eigen::VectorXd>(v.data(), width);
    }
  });
  Layer& own = layers_[index(layer)];
  own.signal.resize(own.response.size());
  for (std::size_t i = 0; i < samples_; ++i) {
    double square = 0;
    double slack_square = 0;
    for (int unit = 0; unit < static_cast<int>(width_); ++unit) {
      const Sum& signal = above.signal[at(i, unit)];
      const double slack = signal.slack + weight_roundings * formulas_.rounding * signal.terms;
      square += signal.value * signal.value;
      slack_square += slack * slack;
    }
    for (std::size_t j = 0; j < width_; ++j) {
      const std::size_t place = i * width_ + j;
      const double rounded = pre_activation_roundings * formulas_.rounding * std::sqrt(square * v_square[j]);
      const double slack = rounded + passed_on(std::sqrt(slack_square), std::sqrt(square), v_most[j], back[place]);
      own.signal[place] = formulas_.signal({back[place], std::abs(back[place]), slack}, own.response[place]);
      own.signal[place].scale(formulas_.output_scale);
    }
  }
}

}  // namespace fasweep
