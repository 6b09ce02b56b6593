// A choice among the alternatives of a kind, schedules or stop rules, as settings hold it: which one, and the reals
// that a job wrote for it, as in exponential(0.999). What an alternative does stands in its own header, which whoever
// only keeps or compares settings need not read.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace fasweep {

/// Kind: an empty struct that names the kind. By default the first alternative of its list, which takes no values.
template <class Kind>
class Choice {
 public:
  Choice() = default;

  /// Of `alternative`. Its kind's list.hpp, which is to be included, says where it stands.
  template <class Alternative>
  requires requires { Alternative::parameters; }
  Choice(const Alternative& alternative)  // NOLINT(google-explicit-constructor): an alternative is a choice
      : position_(position_in_list(Kind{}, alternative)),
        values_(alternative.values.begin(), alternative.values.end()) {}

  /// In the kind's list.
  [[nodiscard]] int position() const { return position_; }
  [[nodiscard]] std::span<const double> values() const { return values_; }

  friend bool operator==(const Choice&, const Choice&) = default;

 private:
  int position_ = 0;
  std::vector<double> values_;
};

/// Gives `alternative` the values a job wrote. Returns whether it takes as many: each parameter once, or, if `values`
/// is a vector, the last parameter any number of times, at least once.
template <class Alternative>
[[nodiscard]] bool take_values(Alternative& alternative, std::span<const double> values) {
  if constexpr (requires { alternative.values.resize(values.size()); }) {
    alternative.values.resize(values.size());
  }
  if (values.size() != alternative.values.size() || values.size() < Alternative::parameters.size()) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    alternative.values[i] = values[i];
  }
  return true;
}

/// Calls visit(alternative) with the alternative of `List`, its kind's, that was chosen and its values.
template <class List, class Kind, class Visit>
decltype(auto) visit_choice(const Choice<Kind>& choice, Visit visit) {
  return List::visit(choice.position(), [&](auto type) -> decltype(auto) {
    typename decltype(type)::type alternative;
    static_cast<void>(take_values(alternative, choice.values()));  // as many as it gave
    return visit(alternative);
  });
}

}  // namespace fasweep
