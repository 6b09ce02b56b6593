// The order parameters of a student with few hidden units of a teacher with few (Saad, Solla 1995; Goldt et al. 2019;
// Refinetti et al. 2021): covariances of pre-activations over inputs of variance s^2, which is 1 under gaussian and 1/d
// under gaussian-scaled, and the weights of the outputs,
//   R = s^2 W W0^T,  Q = s^2 W W^T,  T = s^2 W0 W0^T,  f = sum_r v_r psi(z_r) [+ bias],  f0 = sum_m A_m psi(z0_m).
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <string_view>
#include <vector>

#include "model/metric/traits.hpp"
#include "model/observation.hpp"
#include "model/problem.hpp"
#include "model/snapshot.hpp"

namespace fasweep {

/// What they have in common; a run of more units has a single number in their place, which is none. Metric has the
/// shape of its matrix, of a run with few units, and its numbers, row-major.
template <class Metric>
struct OfFewUnits {
  static constexpr std::string_view units = "1";
  static constexpr unsigned traits = sees_snapshot | for_one_output | of_teacher_units;
  static constexpr HiddenParts reads = HiddenParts::none;
  static bool has_few_units(const NetworkSizes& sizes) {
    return sizes.width <= max_overlapping_units && sizes.teacher_width <= max_overlapping_units;
  }
  static int size(const NetworkSizes& sizes) { return has_few_units(sizes) ? Metric::count(sizes) : 1; }
  static double cost(const NetworkSizes& sizes) { return 2.0 * size(sizes) * sizes.inputs; }
  static void values(const Snapshot& snapshot, std::span<double> out) {
    if (has_few_units(snapshot.sizes())) {
      std::ranges::copy(Metric::numbers(snapshot), out.begin());
    } else {
      std::ranges::fill(out, not_a_number);
    }
  }
};

/// W, width x inputs.
inline std::vector<double> read_student(const Snapshot& snapshot) {
  std::vector<double> w(static_cast<std::size_t>(snapshot.sizes().width) *
                        static_cast<std::size_t>(snapshot.sizes().inputs));
  snapshot.read_hidden_weight(0, w);
  return w;
}

/// s^2 A B^T. a, b: rows of inputs.
inline std::vector<double> overlaps(const Problem& problem, std::span<const double> a, std::span<const double> b) {
  const auto inputs = static_cast<std::size_t>(problem.inputs);
  std::vector<double> products;
  for (std::size_t i = 0; i < a.size(); i += inputs) {
    for (std::size_t j = 0; j < b.size(); j += inputs) {
      products.push_back(problem.input_variance * std::inner_product(&a[i], &a[i] + inputs, &b[j], 0.0));
    }
  }
  return products;
}

inline std::vector<double> scaled(std::span<const double> weights, double scale) {
  std::vector<double> result(weights.begin(), weights.end());
  std::ranges::transform(result, result.begin(), [scale](double weight) { return scale * weight; });
  return result;
}

struct StudentTeacherOverlapsMetric : OfFewUnits<StudentTeacherOverlapsMetric> {
  static constexpr std::string_view name = "student_teacher_overlaps";
  static constexpr std::string_view long_name =
      "R = s^2 W W0^T, s^2 the variance of an input; number r M + m is R_rm of hidden unit r and teacher's unit m of M";
  static constexpr std::string_view dimension = "student_teacher";
  static int count(const NetworkSizes& sizes) { return sizes.width * sizes.teacher_width; }
  static std::vector<double> numbers(const Snapshot& snapshot) {
    return overlaps(snapshot.problem(), read_student(snapshot), snapshot.problem().teacher_hidden_weight);
  }
};

struct StudentOverlapsMetric : OfFewUnits<StudentOverlapsMetric> {
  static constexpr std::string_view name = "student_overlaps";
  static constexpr std::string_view long_name =
      "Q = s^2 W W^T, s^2 the variance of an input; number r p + q is Q_rq of hidden units r and q";
  static constexpr std::string_view dimension = "student_student";
  static int count(const NetworkSizes& sizes) { return sizes.width * sizes.width; }
  static std::vector<double> numbers(const Snapshot& snapshot) {
    const std::vector<double> w = read_student(snapshot);
    return overlaps(snapshot.problem(), w, w);
  }
};

struct TeacherOverlapsMetric : OfFewUnits<TeacherOverlapsMetric> {
  static constexpr std::string_view name = "teacher_overlaps";
  static constexpr std::string_view long_name =
      "T = s^2 W0 W0^T, s^2 the variance of an input; number m M + l is T_ml of the teacher's units m and l of M; the "
      "same at every step";
  static constexpr std::string_view dimension = "teacher_teacher";
  static int count(const NetworkSizes& sizes) { return sizes.teacher_width * sizes.teacher_width; }
  static std::vector<double> numbers(const Snapshot& snapshot) {
    const std::vector<double>& w = snapshot.problem().teacher_hidden_weight;
    return overlaps(snapshot.problem(), w, w);
  }
};

struct StudentOutputWeightsMetric : OfFewUnits<StudentOutputWeightsMetric> {
  static constexpr std::string_view name = "student_output_weights";
  static constexpr std::string_view long_name = "v of f = sum_r v_r psi(z_r): beta times the scale of the outputs";
  static constexpr std::string_view dimension = "student";
  static int count(const NetworkSizes& sizes) { return sizes.width; }
  static std::vector<double> numbers(const Snapshot& snapshot) {
    return scaled(snapshot.output_weight(), snapshot.output_scale());
  }
};

struct StudentFeedbackWeightsMetric : OfFewUnits<StudentFeedbackWeightsMetric> {
  static constexpr std::string_view name = "student_feedback_weights";
  static constexpr std::string_view long_name =
      "b times the scale of the outputs, which teaches in the place of v under feedback alignment";
  static constexpr std::string_view dimension = "student";
  static int count(const NetworkSizes& sizes) { return sizes.width; }
  static std::vector<double> numbers(const Snapshot& snapshot) {
    return scaled(snapshot.feedback(), snapshot.output_scale());
  }
};

struct TeacherOutputWeightsMetric : OfFewUnits<TeacherOutputWeightsMetric> {
  static constexpr std::string_view name = "teacher_output_weights";
  static constexpr std::string_view long_name = "A of the teacher f0 = sum_m A_m psi(z0_m); the same at every step";
  static constexpr std::string_view dimension = "teacher";
  static int count(const NetworkSizes& sizes) { return sizes.teacher_width; }
  static std::vector<double> numbers(const Snapshot& snapshot) { return snapshot.problem().teacher_output_weight; }
};

}  // namespace fasweep
