#include "reference/plain_samples.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include "model/activation/list.hpp"
#include "model/random.hpp"
#include "reference/plain_formulas.hpp"

namespace fasweep {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

enum class Law { normal, uniform };

/// Row `row` of a matrix in a stream, where every row begins at an even position.
VectorXd draw_row(const RandomStream& stream, std::int64_t row, int columns, Law law) {
  std::vector<double> numbers(static_cast<std::size_t>(columns));
  const std::int64_t start = row * (columns + columns % 2);
  law == Law::normal ? stream.fill_normal(numbers, static_cast<std::uint64_t>(start))
                     : stream.fill_uniform(numbers, static_cast<std::uint64_t>(start));
  return VectorXd::Map(numbers.data(), columns);
}

/// One without gaps.
MatrixXd draw_matrix(const RandomStream& stream, int rows, int columns, Law law) {
  return draw_row(stream, 0, rows * columns, law).reshaped<Eigen::RowMajor>(rows, columns);
}

/// f0(x) of a teacher whose streams are those of `seed` and `width`.
VectorXd plain_target(const DataSettings& data, const RunSpec& run, std::int64_t seed, int width, int units,
                      const VectorXd& x) {
  const RandomStream hidden{seed, width, Purpose::teacher_hidden};
  if (units == 0) {
    const double most = data.teacher.values()[0];
    const MatrixXd uniform = draw_matrix(hidden, data.outputs, data.inputs, Law::uniform);
    return most * (2 * uniform.array() - 1).matrix() * x;
  }
  MatrixXd a = draw_matrix({seed, width, Purpose::teacher_output}, units, data.outputs, Law::normal) / std::sqrt(units);
  if (!data.teacher.values().empty()) {
    a.setConstant(data.teacher.values()[0]);
  }
  const PlainActivation& function =
      find_plain(plain_activations, Activations::names[static_cast<std::size_t>(run.activation)]);
  VectorXd target = VectorXd::Zero(data.outputs);
  for (int m = 0; m < units; ++m) {
    target += function.psi(draw_row(hidden, m, data.inputs, Law::normal).dot(x)) * a.row(m).transpose();
  }
  return target;
}

}  // namespace

PlainSamples plain_fresh_samples(const DataSettings& data, const TrainingSettings& training, const RunSpec& run,
                                 std::int64_t step) {
  const bool is_linear = TeacherLaws::names[static_cast<std::size_t>(data.teacher.position())] == "linear";
  const int units = is_linear ? 0 : data.teacher_width == 0 ? run.width : data.teacher_width;
  const int width = data.draw == DataDraw::per_width && !is_linear ? run.width : units;
  const std::int64_t seed = seed_of_data(run);
  PlainSamples samples{MatrixXd(training.batch_size, data.inputs), MatrixXd(training.batch_size, data.outputs)};
  for (int i = 0; i < training.batch_size; ++i) {
    const std::int64_t number = step * training.batch_size + i;
    VectorXd x = draw_row({seed, width, Purpose::fresh_inputs}, number, data.inputs, Law::normal);
    x *= data.input_law == InputLaw::gaussian ? 1 : 1 / std::sqrt(data.inputs);
    const VectorXd noise = draw_row({seed, width, Purpose::fresh_noise}, number, data.outputs, Law::normal);
    samples.x.row(i) = x.transpose();
    samples.y.row(i) = (plain_target(data, run, seed, width, units, x) + data.label_noise * noise).transpose();
  }
  return samples;
}

}  // namespace fasweep
