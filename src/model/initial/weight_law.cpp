#include "model/initial/weight_law.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "model/initial/list.hpp"

namespace fasweep {

WeightLaw zero_weights() {
  return ZeroLaw{};
}

bool is_made_whole(const WeightLaw& law) {
  return visit_choice<WeightLaws>(law, [](const auto& l) { return l.is_made_whole; });
}

std::optional<double> gaussian_variance(const WeightLaw& law, Fans fans) {
  return visit_choice<WeightLaws>(law, [fans](const auto& l) { return l.gaussian_variance(fans); });
}

bool has_zero_mean(const WeightLaw& law) {
  return visit_choice<WeightLaws>(law, [](const auto& l) { return l.has_zero_mean; });
}

void fill_weight_rows(const WeightLaw& law, const WeightDraw& draw, int first, std::span<double> rows) {
  assert(first % 2 == 0);
  visit_choice<WeightLaws>(law, [&](const auto& l) { l.fill(draw, first, rows); });
}

std::vector<double> draw_weights(const WeightLaw& law, const WeightDraw& draw) {
  std::vector<double> weights(static_cast<std::size_t>(draw.rows) * static_cast<std::size_t>(draw.columns));
  fill_weight_rows(law, draw, 0, weights);
  return weights;
}

FillRows row_source(const WeightLaw& law, const WeightDraw& draw) {
  if (!is_made_whole(law)) {
    return [law, draw](int first, std::span<double> rows) { fill_weight_rows(law, draw, first, rows); };
  }
  return [whole = draw_weights(law, draw), columns = static_cast<std::size_t>(draw.columns)](int first,
                                                                                             std::span<double> rows) {
    const std::size_t begin = std::min(static_cast<std::size_t>(first) * columns, whole.size());
    const std::size_t count = std::min(rows.size(), whole.size() - begin);
    std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(begin), count, rows.begin());
    std::ranges::fill(rows.subspan(count), 0.0);
  };
}

}  // namespace fasweep
