#include "backend/cuda/resident_start.hpp"

#include <cmath>
#include <cstddef>

#include <Eigen/Dense>

#include "backend/common/gram.hpp"
#include "backend/cuda/device_plan.hpp"

namespace fasweep {
namespace {

/// A matrix, rows x training samples, as the right factor of the kernel's products, scaled by a power of two so that
/// its largest entry is within [1/2, 1) times `range`; returns what it is to be multiplied with.
float lay_out(const Eigen::MatrixXd& matrix, int depth_tiles, int column_tiles, float range, std::vector<Quad>& quads) {
  int exponent = 0;
  std::frexp(matrix.cwiseAbs().maxCoeff(), &exponent);
  const double scale = std::ldexp(static_cast<double>(range), -exponent);
  quads.assign(product({depth_tiles, column_tiles, kernels::lanes}), Quad{});
  std::size_t place = 0;
  for (int depth = 0; depth < depth_tiles; ++depth) {
    for (int column = 0; column < column_tiles; ++column) {
      for (int lane = 0; lane < kernels::lanes; ++lane, ++place) {
        const int row = column * resident_columns + lane / 4;
        for (int i = 0; i < 4; ++i) {
          const int sample = depth * resident_depth + 2 * (lane % 4) + i % 2 + 8 * (i / 2);
          if (row < matrix.rows() && sample < matrix.cols()) {
            quads[place].value[i] = static_cast<float>(matrix(row, sample) * scale);
          }
        }
      }
    }
  }
  return static_cast<float>(1 / scale);
}

unsigned pack_halves(Eigen::half x, Eigen::half y) {
  return static_cast<unsigned>(x.x) | static_cast<unsigned>(y.x) << 16U;
}

/// The halves of each number, as kernels::split() makes them.
std::vector<SplitQuad> split(const std::vector<Quad>& quads) {
  std::vector<SplitQuad> result(quads.size());
  for (std::size_t i = 0; i < quads.size(); ++i) {
    for (int pair = 0; pair < 2; ++pair) {
      const float* numbers = quads[i].value + 2 * pair;
      const Eigen::half high_0(numbers[0]);
      const Eigen::half high_1(numbers[1]);
      result[i].high[pair] = pack_halves(high_0, high_1);
      result[i].low[pair] = pack_halves(Eigen::half(numbers[0] - static_cast<float>(high_0)),
                                        Eigen::half(numbers[1] - static_cast<float>(high_1)));
    }
  }
  return result;
}

/// Z(0), width x rows, as tiles of 16 units by 8 rows.
std::vector<Quad> lay_out_units(const Eigen::MatrixXf& z, int column_tiles) {
  const int width = static_cast<int>(z.rows());
  std::vector<Quad> quads(product({divide_up(width, resident_units), column_tiles, kernels::lanes}));
  for (int unit = 0; unit < width; ++unit) {
    for (int row = 0; row < static_cast<int>(z.cols()); ++row) {
      const TilePlace place = place_in_tiles(unit, row, column_tiles);
      quads[place.quad].value[place.value] = z(unit, row);
    }
  }
  return quads;
}

std::vector<float> pad_units(const std::vector<double>& values) {
  std::vector<float> padded(values.begin(), values.end());
  padded.resize(product({divide_up(static_cast<int>(values.size()), resident_units), resident_units}));
  return padded;
}

}  // namespace

TilePlace place_in_tiles(int unit, int row, int column_tiles) {
  const int in_tile = unit % resident_units;
  const std::size_t tile = product({unit / resident_units, column_tiles}) + product({row / resident_columns});
  const int lane = in_tile % 8 * 4 + row % resident_columns / 2;
  return {tile * kernels::lanes + product({lane}), in_tile / 8 * 2 + row % 2};
}

ResidentStart::ResidentStart(const Problem& problem, int depth_tiles, int column_tiles)
    : output_weight(pad_units(problem.output_weight)),
      feedback(pad_units(problem.feedback)),
      targets(problem.y.begin(), problem.y.end()) {
  const GramMatrix k(problem);
  const Eigen::MatrixXd inverse_root = k.inverse_root();
  scales[0] = lay_out(k.matrix, depth_tiles, column_tiles, 1, gram);
  std::vector<Quad> whole_inverse;
  scales[1] =
      lay_out(inverse_root.transpose() * inverse_root, depth_tiles, column_tiles, split_range / 2, whole_inverse);
  inverse = split(whole_inverse);
  Eigen::MatrixXf start(problem.width, problem.samples + problem.test_samples);
  make_pre_activation<float>(problem, Eigen::Map<Eigen::MatrixXf>(start.data(), start.rows(), start.cols()));
  z = lay_out_units(start, column_tiles);
}

double gram_condition(const Problem& problem) {
  const GramMatrix k(problem);
  return k.eigenvalues.tail(1)[0] / k.eigenvalues[0];
}

}  // namespace fasweep
