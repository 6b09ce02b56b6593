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

/// One rank's part in the protocol: worker threads behind it, the master on the leading rank in front.
class Agent {
 public:
  Agent(Transport& transport, const Plan& plan, const TrainerFactory& factory, const SweepOptions& options,
        Waker& waker)
      : transport_(transport),
        plan_(plan),
        options_(options),
        pool_(plan, options.datasets, options.states, factory, options.workers, options.device_count, waker,
              options.checkpoints, options.first_step) {
    follow(0, 0);
  }

  /// `leader` leads from now on.
  void follow(int leader, double now) {
    leader_ = leader;
    is_orphan_ = false;
    last_heard_ = now;
    transport_.send(leader_, encode(Hello{plan_.hash(), options_.workers, options_.description, options_.devices,
                                          options_.device_count, options_.device_rate}));
  }

  void handle(int from, const WireMessage& message, double now) {
    if (std::holds_alternative<Takeover>(message)) {
      follow(from, now);
      return;
    }
    if (from != leader_) {
      // Of a rank that could not take over, and was asked to before this one missed the leading one.
      cannot_be_led_ = cannot_be_led_ || std::holds_alternative<Stop>(message);
      return;
    }
    last_heard_ = now;
    if (is_orphan_ && std::holds_alternative<Stop>(message)) {
      leave_without_master();
    } else if (const auto* welcome = std::get_if<Welcome>(&message)) {
      pool_.set_first_worker(welcome->first_worker);
    } else if (const auto* assign = std::get_if<Assign>(&message)) {
      fault_point("batch-received");
      check_runs(*assign);
      pool_.push(*assign);
    } else if (std::holds_alternative<Drain>(message)) {
      pool_.cancel();
    } else if (const auto* stop = std::get_if<Stop>(&message)) {
      if (stop->rank_died) {
        transport_.set_farewell(Farewell::after_leader, leader_);
      }
      transport_.send(leader_, encode(Bye{}));
      left_ = true;
    }
  }

  /// Who leads; of an orphan, whose turn it is to lead.
  [[nodiscard]] int leader() const { return leader_; }
  [[nodiscard]] bool is_orphan() const { return is_orphan_; }

  /// Nobody will take the results.
  void leave_without_master() {
    transport_.set_farewell(Farewell::at_once);
    left_ = true;
    has_lost_master_ = true;
  }

  /// Sends what is due. Returns whether it sent results.
  bool step(double now, const std::set<int>& dead) {
    look_at_leader(now, dead);
    if (is_orphan_) {
      return false;  // the workers train on meanwhile
    }
    std::vector<Result> results = pool_.take_results();
    for (Result& result : results) {
      fault_point("result-ready");
      transport_.send(leader_, encode(std::move(result)));
    }
    if (now - last_sent_ >= options_.heartbeat_s) {
      transport_.send(leader_, encode(Heartbeat{pool_.work_under_way()}));
      last_sent_ = now;
    }
    return !results.empty();
  }

  [[nodiscard]] bool left() const { return left_; }
  [[nodiscard]] bool has_lost_master() const { return has_lost_master_; }

 private:
  /// The master answers heartbeats; without an answer for this long it is gone. Then it is the next rank's turn.
  void look_at_leader(double now, const std::set<int>& dead) {
    const bool is_silent = transport_.outlives_others() && now - last_heard_ > 2 * options_.master.lost_after_s;
    if (left_ || leader_ == transport_.rank() || (!is_silent && !dead.contains(leader_))) {
      return;
    }
    is_orphan_ = true;
    last_heard_ = now;
    do {
      ++leader_;
    } while (dead.contains(leader_));
    if (cannot_be_led_) {
      leave_without_master();
    }
  }

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
  int leader_ = 0;
  bool is_orphan_ = false;  // the leading rank is lost, and no other has said yet that it leads
  bool cannot_be_led_ = false;
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
        plan_(plan),
        sink_(sink),
        options_(options),
        agent_(transport, plan, factory, options, waker_),
        backoff_(transport) {
    if (sink != nullptr) {
      lead_from(0);
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
  void lead_from(double now) {
    MasterOptions options = options_.master;
    constexpr int batches_of_a_leader = 40;  // bits
    options.first_batch = static_cast<std::int64_t>(transport_.rank()) << batches_of_a_leader;
    master_.emplace(
        plan_, *sink_, options, transport_.size(),
        [this](int to, const WireMessage& message) { transport_.send(to, encode(message)); }, now);
  }

  /// It is this rank's turn to lead. If it cannot, no other is to try: what hinders this one hinders all.
  void take_over(double now) {
    const auto tell_the_next = [&](const WireMessage& message) {
      for (int to = transport_.rank() + 1; to < transport_.size(); ++to) {
        transport_.send(to, encode(message));
      }
    };
    sink_ = options_.take_over ? options_.take_over() : nullptr;
    if (sink_ == nullptr) {
      tell_the_next(Stop{true});
      agent_.leave_without_master();
      return;
    }
    lead_from(now);
    for (int rank = 0; rank < transport_.rank(); ++rank) {
      master_->handle_death(rank);
    }
    tell_the_next(Takeover{});
    agent_.follow(transport_.rank(), now);
  }

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
      transport_.set_farewell(Farewell::after_leader, transport_.rank());
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
    const std::set<int> dead = transport_.dead_ranks();
    const double now = attentive_clock_.seconds();
    busy = agent_.step(now, dead) || busy;
    if (agent_.is_orphan() && agent_.leader() == transport_.rank() && !agent_.left()) {
      take_over(now);
    }
    if (master_) {
      for (const int rank : dead) {
        master_->handle_death(rank);
      }
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
        agent_.handle(message.from, decoded, now);
      } else if (master_) {
        master_->handle(message.from, decoded, now);
      }
    } catch (const TransportError& error) {
      if (refused_.insert(message.from).second) {  // it may go on saying the like
        options_.master.warn("a message of rank " + std::to_string(message.from) + " is refused: " + error.what());
      }
    }
  }

  /// The leading rank: hand out work, watch the clock and the signals, show progress.
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
  const Plan& plan_;
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
