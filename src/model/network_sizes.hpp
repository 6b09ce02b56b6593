// The numbers that give the shape of a run's network and data.
#pragma once

namespace fasweep {

/// Most hidden units of student and teacher whose overlaps are recorded (metric/overlaps.hpp).
inline constexpr int max_overlapping_units = 20;

struct NetworkSizes {
  int samples = 0;        // n, training samples
  int test_samples = 0;   // rows after them
  int inputs = 0;         // d
  int outputs = 1;        // k
  int width = 0;          // p
  int depth = 1;          // hidden layers
  int batch = 0;          // samples of a step
  int teacher_width = 0;  // M, hidden units of the teacher; 0 without such a teacher

  [[nodiscard]] constexpr int rows() const { return samples + test_samples; }
};

}  // namespace fasweep
