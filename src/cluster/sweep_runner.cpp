#include "cluster/sweep_runner.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "cluster/worker_pool.hpp"
#include "util/error.hpp"
#include "util/fault_point.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

constexpr int master_rank = 0;

/// One rank's part in the protocol: worker threads behind it, the master in front.
class Agent {
 public:
  Agent(Transport& transport, const Plan& plan, const TrainerFactory& factory, const SweepOptions& options,
        Waker& waker)
      : transport_(transport),
        plan_(plan),
        options_(options),
        pool_(plan, options.datasets, factory, options.workers, options.device_count, waker, options.checkpoints) {
    transport_.send(master_rank, encode(Hello{plan.hash(), options.workers, options.description, options.devices,
                                              options.device_count, options.device_rate}));
  }

  void handle(const WireMessage& message, double now) {
    last_heard_ = now;
    if (const auto* welcome = std::get_if<Welcome>(&message)) {
      pool_.set_first_worker(welcome->first_worker);
    } else if (const auto* assign = std::get_if<Assign>(&message)) {
      fault_point("batch-received");
      check_runs(*assign);
      pool_.push(*assign);
    } else if (std::holds_alternative<Drain>(message)) {
      pool_.cancel();
    } else if (const auto* stop = std::get_if<Stop>(&message)) {
      if (stop->rank_died) {
        transport_.set_farewell(Farewell::after_rank_0);
      }
      transport_.send(master_rank, encode(Bye{}));
      left_ = true;
    }
  }

  /// Nobody will take the results.
  void leave_without_master() {
    transport_.set_farewell(Farewell::at_once);
    left_ = true;
    has_lost_master_ = true;
  }

  /// Sends what is due. Returns whether it sent results.
  bool step(double now) {
    std::vector<Result> results = pool_.take_results();
    for (Result& result : results) {
      fault_point("result-ready");
      transport_.send(master_rank, encode(std::move(result)));
    }
    if (now - last_sent_ >= options_.heartbeat_s) {
      transport_.send(master_rank, encode(Heartbeat{pool_.work_under_way()}));
      last_sent_ = now;
    }
    // The master answers heartbeats; without an answer for this long it is gone.
    if (transport_.rank() != master_rank && transport_.outlives_others() &&
        now - last_heard_ > 2 * options_.master.lost_after_s) {
      leave_without_master();
    }
    return !results.empty();
  }

  [[nodiscard]] bool left() const { return left_; }
  [[nodiscard]] bool has_lost_master() const { return has_lost_master_; }

 private:
  void check_runs(const Assign& assign) const {
    for (const RunRange& range : assign.ranges) {
      if (range.first + range.count > plan_.size()) {
        throw TransportError("batch " + std::to_string(assign.batch) + " asks for runs up to " +
                             std::to_string(range.first + range.count - 1) + " (the plan ends with run " +
                             std::to_string(plan_.size() - 1) + "); start every rank with the same command");
      }
    }
  }

  Transport& transport_;
  const Plan& plan_;
  const SweepOptions& options_;
  WorkerPool pool_;
  double last_sent_ = 0;
  double last_heard_ = 0;
  bool left_ = false;
  bool has_lost_master_ = false;
};

/// How long to sleep when nothing happened: short after activity, growing to the limit, which bounds the cost of
/// looking for messages that cannot wake this thread.
class Backoff {
 public:
  explicit Backoff(const Transport& transport) : must_poll_(transport.must_poll()) {}

  void reset() { seconds_ = shortest_s; }
  [[nodiscard]] double next() {
    if (!must_poll_) {
      return asleep_s;
    }
    return std::exchange(seconds_, std::min(2 * seconds_, longest_s));
  }

 private:
  static constexpr double shortest_s = 20e-6;
  static constexpr double longest_s = 4e-3;
  static constexpr double asleep_s = 50e-3;  // workers wake the thread; signals and timers may wait this long
  bool must_poll_;
  double seconds_ = shortest_s;
};

/// Seconds while this rank was looking. A laptop that slept, a stopped process or a slow disk is a gap in which nobody
/// was heard, and says nothing about whether the others live.
class AttentiveClock {
 public:
  [[nodiscard]] double seconds() {
    constexpr double gap_s = 0.2;  // the loop comes round more often
    const double now = stopwatch_.seconds();
    if (now - last_ > gap_s) {
      gaps_ += now - last_;
    }
    last_ = now;
    return now - gaps_;
  }

 private:
  Stopwatch stopwatch_;
  double last_ = 0;
  double gaps_ = 0;
};

/// The loop of one rank.
class Rank {
 public:
  Rank(Transport& transport, const Plan& plan, RecordSink* sink, const TrainerFactory& factory,
       const SweepOptions& options)
      : transport_(transport),
        sink_(sink),
        options_(options),
        agent_(transport, plan, factory, options, waker_),
        backoff_(transport) {
    if (sink != nullptr) {
      master_.emplace(
          plan, *sink, options.master, transport.size(),
          [&transport](int to, const WireMessage& message) { transport.send(to, encode(message)); }, 0.0);
    }
  }

  SweepResult run() {
    transport_.set_farewell(Farewell::together);
    try {
      while (!is_over()) {
        step();
      }
    } catch (...) {
      // Nothing can be kept any more, say: let the other ranks go instead of leaving them to wait.
      if (master_) {
        stop_others_after_error();
      }
      throw;
    }
    if (master_) {
      choose_farewell();
    }
    return {end(), master_ ? master_->lost_agents() : std::vector<int>{}};
  }

 private:
  [[nodiscard]] bool is_over() const {
    return options_.stop_request() >= 2 || (agent_.left() && (!master_ || master_->all_left()));
  }

  [[nodiscard]] SweepEnd end() const {
    if (agent_.has_lost_master()) {
      return SweepEnd::master_lost;
    }
    if (why_drained_) {
      return *why_drained_;
    }
    if (options_.stop_request() >= 2) {
      return SweepEnd::stop_request;
    }
    return master_ && master_->has_work_left() ? SweepEnd::no_workers : SweepEnd::done;
  }

  void drain(SweepEnd why) {
    why_drained_ = why_drained_.value_or(why);
    master_->drain();
  }

  /// Ranks that have not been heard from yet would wait forever: they end with this rank.
  void stop_others_after_error() {
    master_->stop_agents();
    choose_farewell();
    if (!master_->all_greeted()) {
      transport_.set_farewell(Farewell::at_once);
    }
  }

  /// What the others were told when they were stopped; it holds even if the lost rank comes back.
  void choose_farewell() {
    if (!master_->lost_agents().empty()) {
      transport_.set_farewell(Farewell::after_rank_0);
    }
  }

  void step() {
    bool busy = false;
    // Where more messages arrive than can be handled there is other work, too.
    constexpr double longest_s = 0.05;
    for (const Stopwatch stopwatch; stopwatch.seconds() < longest_s; busy = true) {
      const std::optional<Message> message = transport_.receive();
      if (!message) {
        break;
      }
      handle(*message);
    }
    for (const int rank : transport_.take_dead()) {
      if (master_) {
        master_->handle_death(rank);
      } else if (rank == master_rank) {
        agent_.leave_without_master();
      }
    }
    const double now = attentive_clock_.seconds();
    busy = agent_.step(now) || busy;
    if (master_) {
      lead(now);
    }
    if (busy) {
      backoff_.reset();
    } else if (!is_over()) {
      constexpr double soon_s = 1e-3;  // a small file is written in little more
      waker_.wait(finishing_ ? soon_s : backoff_.next());
    }
  }

  void handle(const Message& message) {
    const double now = attentive_clock_.seconds();
    try {
      const WireMessage decoded = decode_message(message.body);
      const bool for_master = std::holds_alternative<Hello>(decoded) || std::holds_alternative<Result>(decoded) ||
                              std::holds_alternative<Bye>(decoded) || std::holds_alternative<Heartbeat>(decoded);
      if (!for_master) {
        agent_.handle(decoded, now);
      } else if (master_) {
        master_->handle(message.from, decoded, now);
      }
    } catch (const TransportError& error) {
      if (refused_.insert(message.from).second) {  // it may go on saying the like
        options_.master.warn("a message of rank " + std::to_string(message.from) + " is refused: " + error.what());
      }
    }
  }

  /// Rank 0: hand out work, watch the clock and the signals, show progress.
  void lead(double now) {
    master_->tick(now, options_.time_limit_s - clock_.seconds());
    constexpr double sink_interval_s = 0.05;
    if (now - last_sink_tick_ >= sink_interval_s) {
      sink_->tick();
      last_sink_tick_ = now;
    }
    if (options_.stop_request() >= 1) {
      drain(SweepEnd::stop_request);
    } else if (clock_.seconds() >= options_.time_limit_s || master_->draining()) {
      drain(SweepEnd::time_limit);
    }
    // The others stay until the file is written: left alone in MPI_Finalize, they could not tell a long write from the
    // death of this rank.
    const bool was_finishing = std::exchange(finishing_, master_->finished() && !stopped_);
    if (finishing_ && !was_finishing) {
      master_->note_busy(now);
    }
    if (finishing_ && sink_->try_finish()) {
      master_->stop_agents();
      stopped_ = true;
    }
    if (stopped_) {
      choose_farewell();
    }
    if (options_.on_progress && now - last_progress_ >= options_.progress_interval_s) {
      options_.on_progress(master_->progress(now));
      last_progress_ = now;
    }
  }

  Transport& transport_;
  RecordSink* sink_;
  const SweepOptions& options_;
  Waker waker_;
  Stopwatch clock_;
  AttentiveClock attentive_clock_;
  Agent agent_;
  Backoff backoff_;
  std::optional<Master> master_;
  std::set<int> refused_;  // ranks with a message that was no message
  double last_sink_tick_ = 0;
  double last_progress_ = 0;
  bool finishing_ = false;
  bool stopped_ = false;
  std::optional<SweepEnd> why_drained_;
};

}  // namespace

SweepResult run_sweep(Transport& transport, const Plan& plan, RecordSink* sink, const TrainerFactory& factory,
                      const SweepOptions& options) {
  return Rank(transport, plan, sink, factory, options).run();
}

}  // namespace fasweep
