// A teacher, which gives inputs their targets: a pure function of the data settings and of the key of a problem.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/problem.hpp"
#include "model/random.hpp"
#include "model/run_spec.hpp"

namespace fasweep {

/// Hidden units of the teacher, M, of students of this width; 0 of a linear map or a data set.
[[nodiscard]] int teacher_units(const DataSettings& data, int width);

/// What a teacher and its data are drawn from; the same for every width of the student unless the teacher's follows it
/// (DataDraw).
[[nodiscard]] RandomStream data_stream(const DataSettings& data, const ProblemKey& key, Purpose purpose);

/// Gives inputs that were drawn as N(0, 1) their law.
void scale_inputs(const DataSettings& data, std::span<double> x);

/// A wide teacher needs no memory: the weights of its hidden units are made a few units at a time, at every use.
class Teacher {
 public:
  Teacher(const DataSettings& data, const ProblemKey& key);

  /// f0(x) of every row of x, rows x outputs. The bits of a row do not depend on the others.
  [[nodiscard]] std::vector<double> targets(std::span<const double> x) const;

  /// W0, units x inputs, and what A is in f0 = psi(x W0^T) A, units x outputs; empty of a linear map.
  [[nodiscard]] std::vector<double> hidden_weight() const;
  [[nodiscard]] std::vector<double> output_weight() const;

 private:
  template <class Activation>
  [[nodiscard]] std::vector<double> network_sums(std::span<const double> columns) const;
  [[nodiscard]] std::vector<double> linear_matrix() const;
  [[nodiscard]] std::vector<double> multiply(std::span<const double> matrix, std::span<const double> columns) const;
  [[nodiscard]] std::size_t stride() const { return (inputs_ + 1) / 2 * 2; }  // streams are read at even positions
  template <class Visit>
  void for_unit_pairs(Visit visit) const;
  void add_unit(std::size_t r, std::span<const double> numbers, std::span<double> sums) const;

  int activation_;
  std::size_t width_;
  std::size_t inputs_;
  std::size_t outputs_;
  RandomStream hidden_;
  std::vector<double> output_;  // beta0, width x outputs
  double divisor_;              // of the sums over units: f0 = psi(x W0^T) beta0 / divisor
  std::vector<double> map_;     // T of a linear map, outputs x inputs
};

}  // namespace fasweep
