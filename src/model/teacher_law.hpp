// What a teacher's targets are of its inputs, as settings hold it, and the laws there are.
#pragma once

#include <array>
#include <string_view>

#include "model/choice.hpp"
#include "util/type_list.hpp"

namespace fasweep {

struct TeacherLawKind {};
using TeacherLaw = Choice<TeacherLawKind>;  // by default NetworkTeacher

// Each law has
//   name, parameters, values, accepted, valid()   as a schedule has them (model/schedule/list.hpp);
//   meaning        its formula, for help and documents;
//   has_units      whether it is a network of data.teacher-width hidden units, W0 ~ N(0, 1), with the student's psi.

struct NetworkTeacher {
  static constexpr std::string_view name = "network";
  static constexpr std::array<std::string_view, 0> parameters{};
  static constexpr std::string_view meaning = "f0 = psi(x W0^T) beta0 / sqrt(M), W0 and beta0 ~ N(0,1)";
  static constexpr std::string_view accepted = "no parameters";
  static constexpr bool has_units = true;
  std::array<double, 0> values{};
  [[nodiscard]] bool valid() const { return true; }
};

/// The soft committee machine (Saad, Solla 1995), whose output weights are all the same.
struct CommitteeTeacher {
  static constexpr std::string_view name = "committee";
  static constexpr std::array<std::string_view, 1> parameters{"weight"};
  static constexpr std::string_view meaning = "the same with all output weights beta0 / sqrt(M) = weight";
  static constexpr std::string_view accepted = "a weight other than 0";
  static constexpr bool has_units = true;
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] != 0; }
};

/// As in the linear task of Lillicrap et al. 2016.
struct LinearTeacher {
  static constexpr std::string_view name = "linear";
  static constexpr std::array<std::string_view, 1> parameters{"most"};
  static constexpr std::string_view meaning = "f0 = T x, T ~ U(-most,most), the same for every p";
  static constexpr std::string_view accepted = "most > 0";
  static constexpr bool has_units = false;
  std::array<double, 1> values{};
  [[nodiscard]] bool valid() const { return values[0] > 0; }
};

using TeacherLaws = TypeList<NetworkTeacher, CommitteeTeacher, LinearTeacher>;

template <class Alternative>
[[nodiscard]] constexpr int position_in_list(TeacherLawKind /*kind*/, const Alternative& /*law*/) {
  return TeacherLaws::index_of<Alternative>();
}

}  // namespace fasweep
