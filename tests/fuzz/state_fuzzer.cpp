// States of runs in checkpoints, whose file is sound: whatever bytes they have, a run goes on to an end or starts over,
// and then gives what it always gives. The bytes say what of a sound state is changed: the first one which solver's,
// then four bytes an edit: where, what, a value.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/cpu_trainer.hpp"
#include "fuzz/fuzzer.hpp"
#include "model/activation/list.hpp"
#include "model/metric/list.hpp"
#include "model/problem.hpp"
#include "support/memory_checkpoints.hpp"

namespace {

using namespace fasweep;

constexpr std::array solvers{Solver::weight_space, Solver::sample_space, Solver::reduced_linear, Solver::layered};

/// A run of a small network, linear so that every solver takes it.
class Case {
 public:
  explicit Case(Solver solver) : solver_(solver) {
    data_.samples = 3;
    data_.test_samples = 2;
    data_.inputs = 4;
    training_.max_steps = 12;
    training_.depth = solver == Solver::layered ? 2 : 1;
    record_ = {{0, 1, 5, 9, 12}, {}};
    for (int metric = 0; metric < Metrics::size; ++metric) {
      if (!reads_snapshot(metric)) {
        record_.metrics.push_back(metric);
      }
    }
    run_ = {0, 5, 0.1, Activations::index_of<Linear>(), 0, 7, 0.01};
    problem_ = make_problem(data_, problem_key(run_));
    whole_ = train(nullptr);
    testing::MemoryCheckpoints first(cancelled_, 7);
    static_cast<void>(train(&first));
    state_ = first.states.at({0, solver});
  }

  [[nodiscard]] const Bytes& state() const { return state_; }

  void go_on_from(Bytes state) {
    testing::MemoryCheckpoints checkpoints(cancelled_);
    checkpoints.states[{0, solver_}] = std::move(state);
    const RunRecord record = train(&checkpoints);
    testing::require(checkpoints.told.size() == 1, "what becomes of a checkpoint is told");
    testing::require(record.points <= record_.steps.size() && record.steps <= training_.max_steps,
                     "a run stays within its plan");
    if (checkpoints.told[0].find("starts over") != std::string::npos) {
      testing::require(same(record.trajectory, whole_.trajectory) && same(record.final_values, whole_.final_values),
                       "a run that starts over is what it was");
    }
  }

 private:
  RunRecord train(Checkpoints* checkpoints) {
    cancelled_ = false;
    TrainingRequest request{problem_, data_, training_, record_, {&run_, 1}, solver_, cancelled_};
    request.checkpoints = checkpoints;
    return std::move(make_cpu_trainer()->train(request).at(0));
  }
  static bool same(const std::vector<double>& a, const std::vector<double>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
  }

  Solver solver_;
  DataSettings data_;
  TrainingSettings training_;
  RecordSettings record_;
  RunSpec run_;
  Problem problem_;
  std::atomic<bool> cancelled_ = false;
  RunRecord whole_;
  Bytes state_;
};

void edit(Bytes& state, std::size_t at, unsigned what, std::uint8_t value) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr std::array<double, 5> numbers{nan, infinity, -infinity, 1e300, -1e-300};
  constexpr std::array<std::int64_t, 5> wholes{-1, 0, 11, 12, std::numeric_limits<std::int64_t>::min()};
  if (state.empty()) {
    return;
  }
  at %= state.size();
  const std::size_t room = std::min(sizeof(double), state.size() - at);
  switch (what % 5) {
    case 0:
      state[at] = std::byte{value};
      break;
    case 1:
      state[at] ^= static_cast<std::byte>(1U << value % 8U);
      break;
    case 2:
      state.resize(value % 2 == 0 ? at : state.size() + value);
      break;
    case 3:
      std::memcpy(&state[at], &numbers[value % numbers.size()], room);
      break;
    default:
      std::memcpy(&state[at], &wholes[value % wholes.size()], room);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::array<Case, solvers.size()> cases{Case(solvers[0]), Case(solvers[1]), Case(solvers[2]), Case(solvers[3])};
  if (size == 0) {
    return 0;
  }
  Case& one = cases[data[0] % cases.size()];
  Bytes state = one.state();
  for (std::size_t i = 1; i + 4 <= size && i < 64; i += 4) {
    edit(state, data[i] + 256U * data[i + 1], data[i + 2], data[i + 3]);
  }
  one.go_on_from(std::move(state));
  return 0;
}
