// What a job asks of its runs: the settings all runs share and the coordinates of one run. Plain values, no behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/activation.hpp"
#include "model/metric.hpp"
#include "model/rule.hpp"
#include "model/schedule.hpp"
#include "model/stop_rule.hpp"

namespace fasweep {

/// Law of the teacher's inputs; the paper leaves it open (Propositions 3.3 and 4.5 use N(0, 1/d)).
enum class InputLaw { gaussian, gaussian_scaled };
inline constexpr std::array<std::string_view, 2> input_law_names{"gaussian", "gaussian-scaled"};

enum class Precision { float32, float64 };
inline constexpr std::array<std::string_view, 2> precision_names{"float32", "float64"};

/// Where training samples come from.
enum class DataSource { teacher };
inline constexpr std::array<std::string_view, 1> data_source_names{"teacher"};

struct DataSettings {
  DataSource source = DataSource::teacher;
  int samples = 50;      // n >= 1
  int inputs = 150;      // d >= 1
  int test_samples = 0;  // held-out samples of the same teacher, >= 0
  InputLaw input_law = InputLaw::gaussian;
  double label_noise = 0;  // standard deviation of the noise added to training targets, >= 0
  int teacher_width = 0;   // hidden units of the teacher; 0: as many as the student
};

struct TrainingSettings {
  std::array<double, Activations::size> step_size{};  // eta > 0 for each activation, in the order of `Activations`
  Schedule schedule;
  std::int64_t max_steps = 20000;  // >= 0
  StopRule stop;
  Precision precision = Precision::float32;
};

struct RecordSettings {
  std::vector<std::int64_t>
      steps;                 // increasing, first 0, last max_steps; what is recorded besides a run's own last step
  std::vector<int> metrics;  // positions in `Metrics`, increasing
};

/// One run of the grid.
struct RunSpec {
  std::int64_t run = 0;  // row in the plan, from 0
  int width = 0;         // p, hidden units
  double ridge = 0;      // lambda
  int activation = 0;    // position in `Activations`
  int rule = 0;          // position in `Rules`
  std::int64_t seed = 0;
};

}  // namespace fasweep
