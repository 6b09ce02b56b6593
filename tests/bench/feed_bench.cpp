// How many workers does one master feed, and where do shards begin? Workers are simulated: they train for a given time
// of a clock of the simulation's own and send records of the right shape. The master, its messages, the transport
// within a process and the store are the real ones, and what they take of a core moves the clock: a worker whose result
// waits for the master is idle. MPI, fdatasync's waiting and the file, which a thread of its own writes, are left out.
// usage: feed_bench FOLDER [workers a rank]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <filesystem>
#include <limits>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "cluster/local_transport.hpp"
#include "cluster/master.hpp"
#include "store/result_store.hpp"
#include "sweep/plan.hpp"

namespace fasweep {
namespace {

constexpr double latency_s = 50e-6;   // of a message, on a usual network
constexpr double heartbeat_s = 1;     // as in a sweep
constexpr double turn_s = 0.05;       // of reading messages at most, as in a sweep
constexpr double window_s = 10;       // of the simulation's clock, after every worker has begun
constexpr double most_records = 5e5;  // received in it; then it ends

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Runs whose predicted work is what a worker of the nominal rate does in so long.
Plan make_plan(double run_s, std::int64_t runs) {
  const auto with = [&](double steps, std::int64_t seeds) {
    return Plan(parse_job(
        "[grid]\np = 100\nlambda = linspace(0, 1, 100)\nactivation = relu\nseed = 0.." + std::to_string(seeds - 1) +
            "\n[training]\nmax-steps = " + std::to_string(std::max<std::int64_t>(static_cast<std::int64_t>(steps), 2)) +
            "\n[record]\nsteps = log(12)\nmetrics = loss, alignment\n",
        "feed_bench"));
  };
  const double step_flop = (with(1e6, 1).run_cost(0) - with(1e5, 1).run_cost(0)) / 9e5;
  return with(run_s * nominal_flop_per_second / 4 / step_flop, runs / 100);
}

struct Outcome {
  double busy_share = 0;    // of the workers
  double master_share = 0;  // of a core
  double runs_per_second = 0;
};

class Simulation {
 public:
  Simulation(const Plan& plan, RecordSink& sink, double run_s, int ranks, int workers)
      : plan_(plan),
        sink_(sink),
        run_s_(run_s),
        workers_(workers),
        ranks_(static_cast<std::size_t>(ranks)),
        transports_(make_local_transports(ranks + 1)),  // the last one is the master's
        master_(
            plan, sink, {}, ranks,
            [this](int to, const WireMessage& message) {
              transports_.back()->send(to, encode(message));
              addressed_.push_back(to);
            },
            0) {}

  Outcome run() {
    for (int rank = 0; rank < static_cast<int>(ranks_.size()); ++rank) {
      ranks_[static_cast<std::size_t>(rank)].idle = workers_;
      send(rank, Hello{plan_.hash(), workers_, "simulated"});
      events_.push({phase_(random_) * heartbeat_s, 0, rank, true, {}});
    }
    do {
      lead();
    } while (has_more_);
    begin_ = now_;
    const double led = led_s_;
    while (now_ < begin_ + window_s && records_ < most_records && !events_.empty()) {
      now_ = has_more_ ? now_ : std::max(now_, events_.top().at);
      while (!events_.empty() && events_.top().at <= now_) {
        const Event event = events_.top();
        events_.pop();
        take(event);
      }
      lead();
    }
    for (; !events_.empty(); events_.pop()) {
      count_training(events_.top(), std::min(events_.top().at, now_));
    }
    const double seconds = now_ - begin_;
    const double workers = static_cast<double>(ranks_.size()) * workers_;
    // Behind a master that does not keep up workers still train what they had at the beginning.
    const double busy_s = has_more_ ? std::min(busy_s_, records_ * run_s_) : busy_s_;
    return {busy_s / seconds / workers, (led_s_ - led) / seconds, records_ / seconds};
  }

 private:
  struct Rank {
    int idle = 0;
    int begun = 0;
    std::deque<Assign> waiting;
  };

  /// A batch that ends, or a heartbeat that is due.
  struct Event {
    double at = 0;
    double began = 0;
    int rank = 0;
    bool is_heartbeat = false;
    Assign batch;
    bool operator<(const Event& other) const { return at > other.at; }  // earliest first
  };

  void count_training(const Event& event, double end) {
    busy_s_ += event.is_heartbeat ? 0 : std::max(end - std::max(event.began, begin_), 0.0);
  }

  void send(int rank, const WireMessage& message) {
    transports_[static_cast<std::size_t>(rank)]->send(static_cast<int>(ranks_.size()), encode(message));
  }

  void take(const Event& event) {
    if (event.is_heartbeat) {
      send(event.rank, Heartbeat{});
      events_.push({event.at + heartbeat_s, 0, event.rank, true, {}});
      return;
    }
    Rank& rank = ranks_[static_cast<std::size_t>(event.rank)];
    send_result(event.rank, event.batch);
    ++rank.idle;
    count_training(event, event.at);
    start_waiting(event.rank, event.at);
  }

  void send_result(int rank, const Assign& batch) {
    Result result{.batch = batch.batch, .workers_left = workers_};
    ByteWriter out;
    for (const RunRange& range : batch.ranges) {
      for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
        record_.run = run;
        encode(record_, out);
        ++result.count;
      }
    }
    result.seconds = result.count * run_s_;
    result.records = out.take();
    send(rank, std::move(result));
  }

  void start_waiting(int number, double from) {
    Rank& rank = ranks_[static_cast<std::size_t>(number)];
    while (rank.idle > 0 && !rank.waiting.empty()) {
      std::int64_t runs = 0;
      for (const RunRange& range : rank.waiting.front().ranges) {
        runs += range.count;
      }
      // Workers begin at any time; all at once would end all at once.
      const double share = rank.begun < workers_ ? phase_(random_) : 1;
      ++rank.begun;
      events_.push(
          {from + share * run_s_ * static_cast<double>(runs), from, number, false, std::move(rank.waiting.front())});
      rank.waiting.pop_front();
      --rank.idle;
    }
  }

  /// What rank 0 does in a turn of its loop; its time passes.
  void lead() {
    const double before = cpu_seconds();
    while (cpu_seconds() < before + turn_s) {
      const std::optional<Message> message = transports_.back()->receive();
      if (!message) {
        has_more_ = false;
        break;
      }
      has_more_ = true;
      const WireMessage decoded = decode_message(message->body);
      if (const auto* result = std::get_if<Result>(&decoded)) {
        records_ += result->count;
      }
      master_.handle(message->from, decoded, now_);
    }
    master_.tick(now_);
    if (now_ - ticked_ > 0.05) {
      sink_.tick();
      ticked_ = now_;
    }
    const double seconds = cpu_seconds() - before;
    led_s_ += seconds;
    now_ += seconds;
    for (const int to : std::exchange(addressed_, {})) {
      const std::optional<Message> message = transports_[static_cast<std::size_t>(to)]->receive();
      WireMessage decoded = decode_message(message->body);
      if (auto* batch = std::get_if<Assign>(&decoded)) {
        ranks_[static_cast<std::size_t>(to)].waiting.push_back(std::move(*batch));
        start_waiting(to, now_ + latency_s);
      }
    }
  }

  [[nodiscard]] RunRecord make_record() const {
    const RunSettings settings = plan_.settings(0);
    RunRecord record;
    record.steps = settings.training.max_steps;
    record.wall_s = run_s_;
    record.status = RunStatus::done;
    record.reason = StopReason::max_steps;
    record.precision = settings.training.precision;
    record.metrics = static_cast<std::uint32_t>(plan_.layout().values);
    record.points = static_cast<std::uint32_t>(settings.record.steps.size());
    record.trajectory.assign(std::size_t{record.metrics} * record.points, 0.5);
    record.final_values.assign(record.metrics, 0.5);
    return record;
  }

  const Plan& plan_;
  RecordSink& sink_;
  double run_s_;
  int workers_;
  std::vector<Rank> ranks_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::vector<int> addressed_;  // a rank for each message that the master has sent in this turn
  Master master_;
  RunRecord record_ = make_record();
  std::priority_queue<Event> events_;
  std::mt19937_64 random_;
  std::uniform_real_distribution<double> phase_;
  double now_ = 0;
  double begin_ = 0;  // of the window
  double ticked_ = 0;
  double busy_s_ = 0;  // of all workers together
  double led_s_ = 0;
  bool has_more_ = false;  // messages that the master has not read yet
  double records_ = 0;
};

Outcome simulate(const std::filesystem::path& folder, double run_s, int workers, int workers_a_rank) {
  constexpr std::int64_t least_runs = 4'000'000;
  constexpr std::int64_t runs_a_worker = 60;
  const Plan plan = make_plan(run_s, std::max(least_runs, runs_a_worker * workers));
  StoreOptions options;
  options.first_publish_s = std::numeric_limits<double>::infinity();
  const std::filesystem::path file = folder / "feed_bench.h5";
  std::filesystem::remove(file.string() + ".journal");  // of one that was killed
  const Outcome outcome = [&] {
    ResultStore store(file, plan, options, {"feed_bench", "", "host"});
    return Simulation(plan, store, run_s, std::max(workers / workers_a_rank, 1), std::min(workers, workers_a_rank))
        .run();
  }();
  std::filesystem::remove(file.string() + ".journal");
  return outcome;
}

}  // namespace
}  // namespace fasweep

int main(int argc, char** argv) {
  const int workers_a_rank = argc > 2 ? std::atoi(argv[2]) : 1;
  if (argc < 2 || argc > 3 || workers_a_rank < 1) {
    std::fprintf(stderr, "usage: feed_bench FOLDER [workers a rank]\n");
    return 2;
  }
  std::printf("%d workers a rank; share of the workers' time in training (rank 0's share of a core), runs/s\n",
              workers_a_rank);
  for (const double run_s : {1e-3, 1e-2, 0.1, 1.0, 10.0, 60.0, 600.0}) {
    std::printf("%7g s", run_s);
    for (const int workers : {100, 1000, 10'000, 100'000}) {
      const fasweep::Outcome outcome = fasweep::simulate(argv[1], run_s, workers, workers_a_rank);
      std::printf(" | %6d: %5.1f %% (%5.1f %%) %8.0f", workers, 100 * outcome.busy_share, 100 * outcome.master_share,
                  outcome.runs_per_second);
      std::fflush(stdout);
    }
    std::printf("\n");
  }
}
