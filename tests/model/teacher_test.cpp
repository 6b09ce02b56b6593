#include "model/teacher.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "model/activation/list.hpp"

namespace fasweep {
namespace {

constexpr int tanh_network = Activations::index_of<Tanh>();
constexpr int linear_network = Activations::index_of<Linear>();

DataSettings data_of(const TeacherLaw& law) {
  DataSettings data;
  data.samples = 4;
  data.inputs = 3;
  data.outputs = 2;
  data.teacher = law;
  return data;
}

/// f0 of a row by the weights that the teacher shows.
double target_of(const Teacher& teacher, int activation, const double* x, std::size_t output) {
  const std::vector<double> w = teacher.hidden_weight();
  const std::vector<double> a = teacher.output_weight();
  double target = 0;
  for (std::size_t m = 0; m < w.size() / 3; ++m) {
    const double z = w[3 * m] * x[0] + w[3 * m + 1] * x[1] + w[3 * m + 2] * x[2];
    target += (activation == linear_network ? z : std::tanh(z)) * a[2 * m + output];
  }
  return target;
}

TEST(Teacher, ShowsTheWeightsOfItsTargets) {
  for (const TeacherLaw& law : {TeacherLaw(NetworkTeacher{}), TeacherLaw(CommitteeTeacher{{0.5}})}) {
    for (const int activation : {linear_network, tanh_network}) {
      for (const int width : {1, 5, 35}) {  // odd, and more than a block of units
        const DataSettings data = data_of(law);
        const ProblemKey key{7, width, activation};
        const Teacher teacher(data, key);
        const Problem problem = make_problem(data, key);
        ASSERT_EQ(teacher.output_weight().size(), 2U * static_cast<std::size_t>(width));
        for (std::size_t i = 0; i < 8; ++i) {
          const double target = target_of(teacher, activation, &problem.x[i / 2 * 3], i % 2);
          EXPECT_NEAR(problem.y[i], target, 1e-13) << "35 roundings of numbers below 10";
        }
      }
    }
  }
}

TEST(Teacher, OfACommitteeHasOneOutputWeight) {
  for (const double weight : Teacher(data_of(CommitteeTeacher{{0.5}}), {7, 5, tanh_network}).output_weight()) {
    EXPECT_EQ(weight, 0.5);
  }
}

TEST(Teacher, MayBeALinearMapWhateverTheWidthAndActivation) {
  DataSettings data = data_of(LinearTeacher{{2}});
  data.samples = 3;  // as many as inputs, which give T
  data.inputs = 3;
  const Problem narrow = make_problem(data, {7, 4, tanh_network});
  const Problem wide = make_problem(data, {7, 90, linear_network});
  EXPECT_EQ(narrow.x, wide.x);
  EXPECT_EQ(narrow.y, wide.y);
  EXPECT_EQ(narrow.teacher_width, 0);
  EXPECT_TRUE(narrow.teacher_hidden_weight.empty());

  std::vector<double> uniform(6);
  RandomStream{7, 0, Purpose::teacher_hidden}.fill_uniform(uniform);
  for (std::size_t i = 0; i < 6; ++i) {
    double target = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      target += 2 * (2 * uniform[i % 2 * 3 + j] - 1) * narrow.x[i / 2 * 3 + j];
    }
    EXPECT_NEAR(narrow.y[i], target, 1e-14) << "a few roundings";
  }
}

TEST(Teacher, HasAsManyUnitsAsTheStudentUnlessTheJobSaysHowMany) {
  DataSettings data = data_of(NetworkTeacher{});
  EXPECT_EQ(teacher_units(data, 90), 90);
  data.teacher_width = 6;
  EXPECT_EQ(teacher_units(data, 90), 6);
  data.teacher = LinearTeacher{{1}};
  EXPECT_EQ(teacher_units(data, 90), 0);
  data.teacher = NetworkTeacher{};
  data.source = DataSource::csv;
  EXPECT_EQ(teacher_units(data, 90), 0);
}

TEST(Problem, KeepsTheWeightsOfSmallTeachersAlone) {
  DataSettings data = data_of(NetworkTeacher{});
  data.teacher_width = max_overlapping_units;
  EXPECT_EQ(make_problem(data, {7, 90, 0}).teacher_hidden_weight.size(), 3U * max_overlapping_units);
  data.teacher_width = max_overlapping_units + 1;
  const Problem problem = make_problem(data, {7, 90, 0});
  EXPECT_TRUE(problem.teacher_hidden_weight.empty());
  EXPECT_EQ(problem.teacher_width, max_overlapping_units + 1);
}

}  // namespace
}  // namespace fasweep
