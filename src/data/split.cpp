#include "data/split.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

#include "model/shuffle.hpp"
#include "util/error.hpp"

namespace fasweep {
namespace {

/// Spreads each class evenly over the order: of m samples the j-th, in the order drawn, stands at (j + 1/2) / m.
std::vector<std::int64_t> spread_classes(const std::vector<std::int64_t>& drawn, std::span<const double> labels) {
  std::map<double, std::int64_t> count;
  for (const double label : labels) {
    ++count[label];
  }
  std::map<double, std::int64_t> seen;
  std::vector<std::pair<double, std::int64_t>> places;
  for (const std::int64_t row : drawn) {
    const double label = labels[static_cast<std::size_t>(row)];
    const double place = (static_cast<double>(seen[label]++) + 0.5) / static_cast<double>(count[label]);
    places.emplace_back(place, row);
  }
  std::stable_sort(places.begin(), places.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::int64_t> order;
  order.reserve(places.size());
  for (const auto& [place, row] : places) {
    order.push_back(row);
  }
  return order;
}

template <class Number>
std::vector<Number> pick_rows(const std::vector<Number>& values, std::int64_t columns,
                              const std::vector<std::int64_t>& order) {
  std::vector<Number> picked;
  picked.reserve(values.size());
  for (const std::int64_t row : order) {
    const auto first = values.begin() + row * columns;
    picked.insert(picked.end(), first, first + columns);
  }
  return picked;
}

}  // namespace

std::vector<std::int64_t> draw_order(const Split& split, std::span<const double> labels) {
  assert(split.law != SplitLaw::last);
  std::vector<std::int64_t> drawn(labels.size());
  shuffle<std::int64_t>({split.seed, 0, Purpose::split}, 0, drawn);
  return split.law == SplitLaw::stratified ? spread_classes(drawn, labels) : drawn;
}

template <class Number>
Samples<Number> put_in_order(const DataSettings& settings, Samples<Number> samples) {
  if (settings.split.law == SplitLaw::last) {
    return samples;
  }
  const bool has_classes = settings.targets == Targets::classes && samples.targets == 1;
  if (settings.split.law == SplitLaw::stratified && !has_classes) {
    throw ConfigError("key 'data.split' = 'stratified(" + std::to_string(settings.split.seed) +
                      ")' is not accepted (the targets of '" + samples.origin +
                      "' are numbers, not classes); write shuffled(" + std::to_string(settings.split.seed) + ")");
  }
  const std::vector<double> labels =
      has_classes ? samples.y : std::vector<double>(static_cast<std::size_t>(samples.rows));
  const std::vector<std::int64_t> order = draw_order(settings.split, labels);
  samples.x = pick_rows(samples.x, samples.inputs, order);
  samples.y = pick_rows(samples.y, samples.targets, order);
  return samples;
}

template Samples<std::uint8_t> put_in_order(const DataSettings&, Samples<std::uint8_t>);
template Samples<double> put_in_order(const DataSettings&, Samples<double>);

}  // namespace fasweep
