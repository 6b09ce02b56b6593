// Evaluates a network on whole sets of samples at the observed steps. Training continues meanwhile if a worker is idle,
// which then evaluates a copy of the network.
#pragma once

#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backend/cpu/output_layer.hpp"
#include "train/idle_workers.hpp"
#include "util/bytes.hpp"

namespace fasweep {

struct Evaluation {
  OutputSums training;
  OutputSums test;
};

/// In checkpoints that hold evaluations. The number changes when Evaluation keeps its size but not its meaning.
inline constexpr std::uint64_t evaluation_layout = layout_of<Evaluation>(1);

/// The evaluations of one run, in order. At most one is under way, so that there is one copy of the network.
class Evaluations {
 public:
  Evaluations() = default;
  Evaluations(const Evaluations&) = delete;
  Evaluations& operator=(const Evaluations&) = delete;
  ~Evaluations() {
    if (under_way_.valid()) {
      under_way_.wait();  // it reads what may go next
    }
  }

  /// evaluate() gives an Evaluation, on an idle worker's thread or, if there is none, here and now; what it refers to
  /// outlives this object. Waits for the one before.
  template <class Evaluate>
  void begin(Evaluate evaluate, IdleWorkers* idle_workers) {
    static_cast<void>(settle());
    const auto task = std::make_shared<std::packaged_task<Evaluation()>>(std::move(evaluate));
    under_way_ = task->get_future();
    if (idle_workers == nullptr || !idle_workers->take([task] { (*task)(); })) {
      (*task)();
    }
  }

  void add(const Evaluation& evaluation) { done_.push_back(evaluation); }

  /// All of them. Waits for the one under way and throws what it threw.
  [[nodiscard]] const std::vector<Evaluation>& settle() {
    if (under_way_.valid()) {
      done_.push_back(under_way_.get());
    }
    return done_;
  }

  void save(ByteWriter& out) { out.put_array(std::span<const Evaluation>(settle())); }
  void restore(ByteReader& in, std::size_t count) { done_ = in.get_array<Evaluation>(count); }

 private:
  std::vector<Evaluation> done_;
  std::future<Evaluation> under_way_;
};

}  // namespace fasweep
