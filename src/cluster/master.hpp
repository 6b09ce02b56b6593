// Who trains what: a state machine over the queue of work, the agents and the record sink. It owns no thread, no socket
// and no clock: messages and the time come in, messages go out through a function.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "cluster/messages.hpp"
#include "cluster/transport.hpp"
#include "model/observation.hpp"
#include "sweep/work_queue.hpp"
#include "train/record_sink.hpp"

namespace fasweep {

struct MasterOptions {
  double batch_seconds = 0.3;       // training time a batch of a core aims at, by the learned rates
  double device_batch_seconds = 2;  // the same of a device, which trains tens of runs at once, each more slowly
  double lost_after_s = 30;         // silence after which an agent is lost
  double saved_after_s = std::numeric_limits<double>::infinity();  // a run stopped after this long is not lost
  int max_attempts = 5;          // how often a run may be lost with its agent before it is recorded as failed
  std::int64_t first_batch = 0;  // id; agents may still have batches of an earlier master
  /// Whether devices train a run; the cores train the others meanwhile. Which of them does must not depend on the time,
  /// since their last bits differ. Empty: both take all runs.
  std::function<bool(std::int64_t run)> device_takes = {};
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  /// Called now and then with the runs that have been put in order; what it throws ends the making of a master.
  std::function<void(std::int64_t runs)> on_queue = [](std::int64_t) {};
};

struct Progress {
  std::int64_t total = 0;  // runs of the plan's shard
  std::int64_t done = 0;   // with a record, earlier sessions included
  std::int64_t failed = 0;
  std::int64_t diverged = 0;
  int workers = 0;
  double share_done = 0;                                            // of the predicted work, including runs in progress
  std::array<double, crew_count> busy{not_a_number, not_a_number};  // share of the time that a core, a device trained
  double runs_per_second = 0;                                       // this session
  double eta_s = 0;  // from predicted work left and learned rates; infinite before the first news of a run
};

class Master {
 public:
  using Send = std::function<void(int to, const WireMessage& message)>;

  /// Expects an agent on each of `ranks` ranks. Times are seconds on one monotonic clock, `now` the start. plan and
  /// sink outlive the master.
  Master(const Plan& plan, RecordSink& sink, MasterOptions options, int ranks, Send send, double now);

  /// Takes one message of agent `from` (Hello, Result, Heartbeat or Bye). Messages that cannot be right (wrong plan,
  /// runs that were not asked for, records of wrong shape) are refused with a warning naming what is wrong.
  void handle(int from, const WireMessage& message, double now);

  /// Agent `rank` died. Its work is handed out again; what it sent before may still arrive, and counts.
  void handle_death(int rank);

  /// Looks for lost agents and hands out work; call often. time_left_s: until the drain. What cannot be done by then is
  /// not begun, unless it will be saved unfinished; when nothing is left that can, it drains.
  void tick(double now, double time_left_s = std::numeric_limits<double>::infinity());

  /// Hands out nothing more and asks agents to return what they have not finished.
  void drain();
  [[nodiscard]] bool draining() const { return draining_; }

  /// Nothing left to do: every run has a record, or a drain has returned everything, or no agent is left to do it.
  [[nodiscard]] bool finished() const;

  /// Whether runs wait to be handed out.
  [[nodiscard]] bool has_work_left() const { return runs_waiting() > 0; }

  /// Notes in the sink how busy each agent's cores and devices were until now.
  void note_busy(double now);

  /// Tells every agent to leave, those that come late too.
  void stop_agents();

  /// Whether every agent has left or is lost.
  [[nodiscard]] bool all_left() const;

  /// Whether every agent has said hello.
  [[nodiscard]] bool all_greeted() const;

  /// Ranks of agents that are lost and have not come back.
  [[nodiscard]] std::vector<int> lost_agents() const;

  [[nodiscard]] Progress progress(double now) const;

 private:
  /// A batch that an agent has.
  struct Assigned {
    Batch batch;
    BatchWork news = {};  // the latest
  };

  /// The workers of one crew that an agent has.
  struct Workers {
    int count = 0;
    double rate = 0;                           // learned flop/s of one worker
    bool has_rate = false;                     // from a result, not from the nominal rate
    std::map<std::int64_t, Assigned> batches;  // by id
    double busy_s = 0;                         // of cores: training and set-up; of devices: training alone

    /// flop/s of one worker as far as is known: learned, else what current batches show; 0: unknown.
    [[nodiscard]] double known_rate() const;
  };

  struct Agent {
    bool greeted = false;  // said hello
    bool lost = false;
    bool dead = false;  // lost for good
    bool left = false;
    double last_heard = 0;
    double greeted_at = 0;
    std::array<int, crew_count> processors{};  // cores, devices
    std::array<Workers, crew_count> crews{};

    [[nodiscard]] bool gone() const { return lost || left; }
    [[nodiscard]] int workers() const { return crews[0].count + crews[1].count; }
    [[nodiscard]] bool has_batches() const { return !crews[0].batches.empty() || !crews[1].batches.empty(); }
    [[nodiscard]] Workers& crew(Crew crew) { return crews[static_cast<std::size_t>(crew)]; }
    [[nodiscard]] const Workers& crew(Crew crew) const { return crews[static_cast<std::size_t>(crew)]; }
    [[nodiscard]] bool can_work(Crew of) const { return !gone() && crew(of).count > 0; }
  };

  void take(int from, const Hello& hello, double now);
  void warn_of_shared_devices(int from, const Hello& hello);
  void take(int from, const Result& result);
  void take(Agent& agent, const Heartbeat& heartbeat);
  void learn_rate(Workers& workers, double cost, double seconds);
  [[nodiscard]] double take_records(int from, const Result& result, std::vector<RunRange>& missing);
  [[nodiscard]] bool is_acceptable(int from, const RecordHeader& header) const;
  void return_work(const std::vector<RunRange>& ranges, bool by_accident);
  void put_back(const std::vector<RunRange>& ranges, bool alone = false);
  void record_failure(std::int64_t run, const std::string& why);
  void lose(int rank, const std::string& why);
  void take_back_batches(Agent& agent);
  void lose_silent_agents(double now);
  void assign_work(double time_left_s);
  [[nodiscard]] std::optional<Batch> take_batch(const Agent& agent, Crew crew, int all_workers, double time_left_s);
  [[nodiscard]] WorkQueue* queue_for(Crew crew);
  [[nodiscard]] bool is_for(Crew crew, std::int64_t run) const;
  [[nodiscard]] double most_run_cost(const Workers& workers, double time_left_s) const;
  [[nodiscard]] bool out_of_time() const;
  [[nodiscard]] bool wants_work(const Agent& agent, Crew crew) const;
  [[nodiscard]] int count_workers(Crew crew) const;
  [[nodiscard]] int count_workers() const { return count_workers(Crew::cores) + count_workers(Crew::devices); }
  [[nodiscard]] bool may_have_workers(Crew crew) const;
  [[nodiscard]] std::int64_t runs_waiting() const { return queues_[0].runs_left() + queues_[1].runs_left(); }
  [[nodiscard]] double side_by_side_cost(const WorkQueue& queue, const Workers& workers) const;
  [[nodiscard]] double cost_under_way() const;
  [[nodiscard]] double cost_left() const;
  [[nodiscard]] double time_left() const;
  [[nodiscard]] static double busy_share(std::span<const Agent> agents, Crew crew, double now);

  const Plan& plan_;
  RecordSink& sink_;
  MasterOptions options_;
  Send send_;
  double start_;
  std::array<WorkQueue, crew_count> queues_;  // by the crew that trains them; that of the cores alone holds all if
                                              // nothing says which runs devices take
  std::int64_t most_runs_ = 1;                // of a batch
  std::int64_t most_device_runs_ = 1;
  std::vector<Agent> agents_;                                 // by rank
  std::set<int> may_want_work_;                               // ranks; no other one does
  double looked_ = -std::numeric_limits<double>::infinity();  // for silent agents, the last time
  std::int64_t next_batch_ = 0;
  std::int32_t next_worker_ = 0;
  std::map<std::string, int> device_owners_;  // UUID -> first rank that has it
  bool draining_ = false;
  bool stopping_ = false;
  std::unordered_map<std::int64_t, int> attempts_;  // runs lost with their agent, how often
  Progress progress_;
  std::int64_t done_at_start_ = 0;
  double cost_done_ = 0;  // predicted flop of runs with a record, earlier sessions included
};

}  // namespace fasweep
