// What a job asks of its runs: the settings all runs share and the coordinates of one run. Plain values, no behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/data_source.hpp"
#include "model/initial/weight_law.hpp"
#include "model/optimizer/optimizer.hpp"
#include "model/schedule/schedule.hpp"
#include "model/stop/stop_rule.hpp"
#include "model/teacher_law.hpp"
#include "util/enum_names.hpp"

namespace fasweep {

/// Law of the teacher's inputs; the paper leaves it open (Propositions 3.3 and 4.5 use N(0, 1/d)).
enum class InputLaw { gaussian, gaussian_scaled };
inline constexpr std::array<std::string_view, 2> input_law_names{"gaussian", "gaussian-scaled"};
static_assert(names_cover<InputLaw>(input_law_names));

enum class Precision { float32, float64 };
inline constexpr std::array<std::string_view, 2> precision_names{"float32", "float64"};
static_assert(names_cover<Precision>(precision_names));

/// What a target is: numbers to regress on, or one of k classes, one-hot.
enum class Targets { numbers, classes };
inline constexpr std::array<std::string_view, 2> targets_names{"numbers", "classes"};
static_assert(names_cover<Targets>(targets_names));

/// What a data set's inputs go through: nothing (pixels are 0..1), or minus mean and over standard deviation of the
/// training samples, over all inputs together or each input for itself.
enum class Normalize { none, global, per_input };
inline constexpr std::array<std::string_view, 3> normalize_names{"none", "global", "per-input"};
static_assert(names_cover<Normalize>(normalize_names));

/// Whether the first line of a table of text holds names. automatic: read off the line, refused where it could be
/// either.
enum class Header { automatic, yes, no };
inline constexpr std::array<std::string_view, 3> header_names{"auto", "yes", "no"};
static_assert(names_cover<Header>(header_names));

/// Which samples of a set train, and which are held out where the set has no test samples of its own: of the samples as
/// they stand, or in an order drawn by a seed, or in one that has each class's share of samples in every part.
enum class SplitLaw { last, shuffled, stratified };
inline constexpr std::array<std::string_view, 3> split_names{"last", "shuffled", "stratified"};
static_assert(names_cover<SplitLaw>(split_names));

struct Split {
  SplitLaw law = SplitLaw::last;
  std::int64_t seed = 0;  // means something only where an order is drawn

  friend bool operator==(const Split&, const Split&) = default;
};

/// Target columns of a table of text that are the last ones, unless names in the header say otherwise.
inline constexpr std::string_view automatic_target = "auto";

/// A count that is the data set's, before the set was read.
inline constexpr int as_in_data = -1;

/// What a job may ask for and a data set may have.
inline constexpr std::int64_t max_samples = 1'000'000;
inline constexpr std::int64_t max_inputs = 1'000'000;
inline constexpr std::int64_t max_outputs = 10'000;

/// Whether a teacher of fixed width and its data are the same for every hidden width p, or drawn again for each, as
/// in version 0.1.
enum class DataDraw { shared, per_width };
inline constexpr std::array<std::string_view, 2> data_draw_names{"shared", "per-width"};

/// Whether steps train on n samples that are drawn once, or every step on samples that no other sees.
enum class Sampling { fixed, fresh };
inline constexpr std::array<std::string_view, 2> sampling_names{"fixed", "fresh"};
static_assert(names_cover<Sampling>(sampling_names));

struct DataSettings {
  DataSource source = DataSource::teacher;
  std::string path;      // of a data set: folder or file; empty for a teacher
  int samples = 50;      // n >= 1
  int inputs = 150;      // d >= 1
  int outputs = 1;       // k >= 1
  int test_samples = 0;  // held-out samples of the same teacher or data set, >= 0
  Targets targets = Targets::numbers;
  Normalize normalize = Normalize::none;
  std::optional<std::uint32_t> checksum;  // of the data set, once it was read
  InputLaw input_law = InputLaw::gaussian;
  double label_noise = 0;                // standard deviation of the noise added to training targets, >= 0
  int teacher_width = 0;                 // hidden units of the teacher; 0: as many as the student
  DataDraw draw = DataDraw::shared;      // means something only where the teacher's width is fixed
  std::string target{automatic_target};  // columns of a table of text, by name or number
  Header header = Header::automatic;     // of a table of text
  Split split;                           // of a data set
  TeacherLaw teacher;                    // what a teacher's targets are of its inputs
  Sampling sampling = Sampling::fixed;   // fresh: of a teacher, in batches; the n samples are for metrics alone

  friend bool operator==(const DataSettings&, const DataSettings&) = default;
};

/// Defined with the losses themselves, in model/loss/list.hpp; the first of them is the default.
enum class LossFunction : int;

/// The losses of a batch's samples are summed (the paper's eq. 2.2) or averaged.
enum class Reduction { sum, mean };
inline constexpr std::array<std::string_view, 2> reduction_names{"sum", "mean"};
static_assert(names_cover<Reduction>(reduction_names));

/// Whether minibatches take the samples in a fresh random order each epoch, or as they stand in the data.
enum class SampleOrder { shuffled, unshuffled };
inline constexpr std::array<std::string_view, 2> sample_order_names{"shuffled", "as-in-data"};
static_assert(names_cover<SampleOrder>(sample_order_names));

/// What becomes of the samples that are left over where the batch does not divide them: a smaller last batch of each
/// epoch, or nothing.
enum class LastBatch { kept, dropped };
inline constexpr std::array<std::string_view, 2> last_batch_names{"kept", "dropped"};
static_assert(names_cover<LastBatch>(last_batch_names));

/// f = H beta / sqrt(p), as in the paper's eq. 2.1, or f = H beta.
enum class OutputScale { root_width, one };
inline constexpr std::array<std::string_view, 2> output_scale_names{"root-width", "one"};
static_assert(names_cover<OutputScale>(output_scale_names));

/// The layers whose weights the ridge acts on: the outputs', as in the paper's eq. 4.1, and hidden ones. Never biases.
struct Decay {
  std::uint32_t layers = 1;  // bit 0: beta; bit l: W_l of hidden layer l

  static const Decay output;
  static const Decay all;

  [[nodiscard]] constexpr bool reaches(int layer) const { return (layers >> static_cast<unsigned>(layer) & 1U) != 0; }
  [[nodiscard]] constexpr bool reaches_output() const { return reaches(0); }
  friend bool operator==(const Decay&, const Decay&) = default;
};
inline constexpr Decay Decay::output{1};
inline constexpr Decay Decay::all{~std::uint32_t{0}};

/// Whether inverse layers learn in the same step as forward layers, or before the targets that these learn by.
enum class InverseUpdates { parallel, alternating };
inline constexpr std::array<std::string_view, 2> inverse_updates_names{"parallel", "alternating"};
static_assert(names_cover<InverseUpdates>(inverse_updates_names));

/// Richness of the paper's own network, whose hidden weights move the less the wider it is (model/richness.hpp).
inline constexpr double lazy = 0;

/// A file of the weights that a run begins with (store/state_file.hpp).
struct StateSource {
  std::string path;                       // empty: the weights are drawn
  std::optional<std::uint32_t> checksum;  // of its numbers, once they were read

  friend bool operator==(const StateSource&, const StateSource&) = default;
};

/// What a job may ask for.
inline constexpr int max_error_delay = 10'000;
inline constexpr int max_mirror_samples = 10'000;

struct TrainingSettings {
  Schedule schedule;
  std::int64_t max_steps = 20000;  // >= 0
  StopRule stop;
  Precision precision = Precision::float32;
  LossFunction loss{};
  Reduction reduction = Reduction::sum;
  int batch_size = 0;  // samples of a step, 1..n, or fresh ones; 0: all of them in every step
  SampleOrder sample_order = SampleOrder::shuffled;  // mean something only in minibatches
  LastBatch last_batch = LastBatch::kept;            // likewise
  double dropout = 0;  // probability, 0 <= q < 1, that a hidden unit is silent for a sample in a step
  OutputScale output_scale = OutputScale::root_width;
  WeightLaw initial_weights;   // of W(0)
  WeightLaw initial_output;    // of beta(0)
  WeightLaw initial_feedback;  // of b
  bool biases = false;         // of hidden units and outputs
  WeightLaw initial_biases = zero_weights();
  Decay decay;
  Schedule step_schedule;           // of eta, as `schedule` is of lambda
  double richness = lazy;           // or > 0
  double feedback_correlation = 0;  // of b and beta(0), from -1 to 1
  Optimizer optimizer;
  int error_delay = 0;              // steps until the errors reach the hidden layers, 0..max_error_delay
  double mirror_step_size = 0.001;  // > 0, of b under weight-mirror (model/mirror.hpp)
  double mirror_decay = 1;          // >= 0, likewise
  int mirror_samples = 1;           // of noise in each step, 1..max_mirror_samples, likewise
  double target_step_size = 0.1;    // > 0, of the last target under target propagation (model/target_propagation.hpp)
  double inverse_step_size = 0.01;  // >= 0, of inverse layers, likewise
  double inverse_noise = 0.1;       // >= 0, standard deviation of what they learn from, likewise
  InverseUpdates inverse_updates = InverseUpdates::parallel;  // likewise
  StateSource initial_state;                                  // in place of the laws above
  int depth = 1;                  // hidden layers, each of the run's width, 1..max_depth (model/layers.hpp)
  double output_step_factor = 1;  // > 0, of eta in the steps of beta and the output biases

  friend bool operator==(const TrainingSettings&, const TrainingSettings&) = default;
};

/// Whether a step sees other samples than all n of the training set.
[[nodiscard]] inline bool takes_minibatches(const TrainingSettings& training, const DataSettings& data) {
  return data.sampling == Sampling::fresh || (training.batch_size > 0 && training.batch_size < data.samples);
}

struct RecordSettings {
  std::vector<std::int64_t>
      steps;                 // increasing, first 0, last max_steps; what is recorded besides a run's own last step
  std::vector<int> metrics;  // positions in `Metrics`, increasing

  friend bool operator==(const RecordSettings&, const RecordSettings&) = default;
};

/// What runs that are trained together share besides their problem.
struct RunSettings {
  DataSettings data;
  TrainingSettings training;
  RecordSettings record;

  friend bool operator==(const RunSettings&, const RunSettings&) = default;
};

/// One run of the grid.
struct RunSpec {
  std::int64_t run = 0;  // row in the plan, from 0
  int width = 0;         // p, hidden units
  double ridge = 0;      // lambda
  int activation = 0;    // position in `Activations`
  int rule = 0;          // position in `Rules`
  std::int64_t seed = 0;
  double step_size = 0;                            // eta > 0
  std::optional<std::int64_t> data_seed = {};      // of the data and the teacher, where it is not `seed`
  std::optional<std::int64_t> training_seed = {};  // of weights, feedback, batches and masks, where it is not `seed`
};

/// Seed of the run's data and teacher, and that of everything else it draws.
[[nodiscard]] inline std::int64_t seed_of_data(const RunSpec& run) {
  return run.data_seed.value_or(run.seed);
}
[[nodiscard]] inline std::int64_t seed_of_training(const RunSpec& run) {
  return run.training_seed.value_or(run.seed);
}

}  // namespace fasweep
