// Where a training in sample space starts, in the solver's precision; runs of one problem share it.
#pragma once

#include <vector>

namespace fasweep {

template <class Scalar>
struct SampleSpaceStart {
  int samples = 0;                     // n, training samples
  int rows = 0;                        // n and the test samples after them
  int width = 0;                       // p
  std::vector<Scalar> gram;            // K = X X^T: samples x rows, row-major
  std::vector<Scalar> pre_activation;  // Z(0): rows x width, row-major
  std::vector<Scalar> output_weight;   // beta(0): width
  std::vector<Scalar> feedback;        // b: width
};

}  // namespace fasweep
