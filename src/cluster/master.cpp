#include "cluster/master.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "store/record_check.hpp"
#include "train/train_loop.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

/// Runs of `ranges` that are not in `recorded`, as ranges.
std::vector<RunRange> subtract(const std::vector<RunRange>& ranges, const std::set<std::int64_t>& recorded) {
  std::vector<RunRange> missing;
  for (const RunRange& range : ranges) {
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      if (recorded.contains(run)) {
        continue;
      }
      if (!missing.empty() && missing.back().first + missing.back().count == run) {
        ++missing.back().count;
      } else {
        missing.push_back({run, 1});
      }
    }
  }
  return missing;
}

/// Predicted flop of `batch` without the runs in `missing`.
double cost_without(const std::vector<RunRange>& missing, const Batch& batch) {
  const std::int64_t runs = batch.runs();
  const std::int64_t trained = runs - Batch{missing, 0}.runs();
  return trained > 0 ? batch.cost * static_cast<double>(trained) / static_cast<double>(runs) : 0;
}

}  // namespace

Master::Master(const Plan& plan, RecordSink& sink, MasterOptions options, int ranks, Send send, double now)
    : plan_(plan),
      sink_(sink),
      options_(std::move(options)),
      send_(std::move(send)),
      start_(now),
      queues_{WorkQueue(plan,
                        [this, looked = std::int64_t{0}](std::int64_t run) mutable {
                          constexpr std::int64_t told_every = 1 << 16;
                          if (looked++ % told_every == 0) {
                            options_.on_queue(looked - 1);
                          }
                          return sink_.has(run) || is_for(Crew::devices, run);
                        }),
              WorkQueue(plan, [this](std::int64_t run) { return sink_.has(run) || !is_for(Crew::devices, run); })},
      agents_(static_cast<std::size_t>(ranks)),
      next_batch_(options_.first_batch) {
  for (Agent& agent : agents_) {
    agent.last_heard = now;
  }
  // Limits for one message, of which both ends hold some at a time; a device gains from many simultaneous runs.
  constexpr std::int64_t result_bytes = 1 << 20;
  constexpr std::int64_t device_result_bytes = 64 << 20;
  most_runs_ = std::max<std::int64_t>(1, result_bytes / plan.record_bytes());
  most_device_runs_ = std::max<std::int64_t>(1, device_result_bytes / plan.record_bytes());
  progress_.total = plan.shard_size();
  progress_.done = progress_.total - runs_waiting();
  done_at_start_ = progress_.done;
  for (std::int64_t run = 0; run < plan.size() && done_at_start_ > 0; ++run) {
    cost_done_ += plan.in_shard(run) && sink.has(run) ? plan.run_cost(run) : 0;
  }
}

void Master::handle(int from, const WireMessage& message, double now) {
  Agent& agent = agents_.at(static_cast<std::size_t>(from));
  agent.last_heard = now;
  if (agent.lost || !std::holds_alternative<Heartbeat>(message)) {
    may_want_work_.insert(from);
  }
  agent.lost = agent.dead;  // a late message revives what was only silent
  if (const auto* hello = std::get_if<Hello>(&message)) {
    take(from, *hello, now);
  } else if (!agent.greeted) {
    options_.warn("rank " + std::to_string(from) + " is ignored (it sent no hello message)");
  } else if (const auto* result = std::get_if<Result>(&message)) {
    take(from, *result);
  } else if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    take(agent, *heartbeat);
    send_(from, HeartbeatReply{});
  } else if (std::holds_alternative<Bye>(message)) {
    agent.left = true;
    take_back_batches(agent);
  }
}

void Master::take(int from, const Hello& hello, double now) {
  Agent& agent = agents_[static_cast<std::size_t>(from)];
  agent.greeted = true;
  const bool same_plan = hello.plan_hash == plan_.hash();
  if (!same_plan) {
    options_.warn("rank " + std::to_string(from) +
                  " is refused (it works on another plan); start every rank with the same command");
  }
  if (!same_plan || stopping_) {
    send_(from, Stop{!lost_agents().empty()});
    return;
  }
  agent.last_heard = now;
  agent.greeted_at = now;
  agent.processors = {hello.workers, hello.device_count};
  agent.crew(Crew::cores).count = hello.workers;
  agent.crew(Crew::cores).rate = nominal_flop_per_second / 4;
  agent.crew(Crew::devices).count = workers_a_device * hello.device_count;
  agent.crew(Crew::devices).rate = hello.device_rate;
  sink_.note_agent("rank " + std::to_string(from) + ": " + hello.description);
  warn_of_shared_devices(from, hello);
  send_(from, Welcome{next_worker_});
  next_worker_ += agent.workers();
  if (draining_) {
    send_(from, Drain{});
  }
}

void Master::warn_of_shared_devices(int from, const Hello& hello) {
  for (const std::string& device : hello.devices) {
    if (const auto [owner, is_new] = device_owners_.emplace(device, from); !is_new) {
      options_.warn("ranks " + std::to_string(owner->second) + " and " + std::to_string(from) + " share the GPU " +
                    device + " (they take turns: no MPS daemon was found); start one rank a GPU, or " +
                    "nvidia-cuda-mps-control");
    }
  }
}

void Master::take(int from, const Result& result) {
  Workers& workers = agents_[static_cast<std::size_t>(from)].crew(result.crew);
  workers.count = std::clamp(result.workers_left, 0, workers.count);
  if (!result.resignation.empty()) {
    options_.warn("a worker of rank " + std::to_string(from) + " resigned (" + result.resignation + "); " +
                  std::to_string(count_workers()) + " workers are left");
  }
  Batch batch;  // stays empty if the batch was handed out again in the meantime: its records still count
  if (const auto found = workers.batches.find(result.batch); found != workers.batches.end()) {
    batch = std::move(found->second.batch);
    workers.batches.erase(found);
  }
  std::vector<RunRange> missing = batch.ranges;
  const double trained_s = take_records(from, result, missing);
  workers.busy_s += result.crew == Crew::devices ? trained_s : result.seconds;
  const double done = cost_without(missing, batch);
  cost_done_ += done;
  learn_rate(workers, done - result.restored, result.seconds);
  // Runs come back because of a drain, or because a worker could not train them.
  return_work(missing, !draining_);
}

void Master::take(Agent& agent, const Heartbeat& heartbeat) {
  for (const BatchWork& work : heartbeat.work) {
    for (Workers& workers : agent.crews) {
      if (const auto found = workers.batches.find(work.batch); found != workers.batches.end()) {
        found->second.news = work;  // of another one the result came, or it was taken back
        found->second.news.done = std::min(work.done, found->second.batch.cost);
      }
    }
  }
}

void Master::learn_rate(Workers& workers, double cost, double seconds) {
  if (cost <= 0 || seconds <= 0) {
    return;
  }
  constexpr double newest_share = 0.3;
  const double rate = cost / seconds;
  workers.rate = workers.has_rate ? (1 - newest_share) * workers.rate + newest_share * rate : rate;
  workers.has_rate = true;
}

/// Removes the runs that have a record now from `missing`. Returns the seconds of their training.
double Master::take_records(int from, const Result& result, std::vector<RunRange>& missing) {
  std::set<std::int64_t> recorded;
  double seconds = 0;
  try {
    ByteReader in(result.records);
    for (std::uint32_t i = 0; i < result.count; ++i) {
      const std::size_t begin = result.records.size() - in.left();
      const RecordHeader header = skip_record(in);
      const std::size_t end = result.records.size() - in.left();
      if (!is_acceptable(from, header)) {
        continue;
      }
      recorded.insert(header.run);
      seconds += header.wall_s;
      const bool is_new = !sink_.has(header.run);
      sink_.add(header, std::span(result.records).subspan(begin, end - begin));
      progress_.done += is_new ? 1 : 0;
      progress_.failed += is_new && header.status == RunStatus::failed ? 1 : 0;
      progress_.diverged += is_new && header.status == RunStatus::diverged ? 1 : 0;
    }
  } catch (const TransportError& error) {
    options_.warn("records of rank " + std::to_string(from) + " are refused from now on: " + error.what());
  }
  missing = subtract(missing, recorded);
  return seconds;
}

bool Master::is_acceptable(int from, const RecordHeader& header) const {
  const std::string wrong = why_not_of_plan(header, header.run, plan_);
  if (!wrong.empty()) {
    options_.warn("a record of rank " + std::to_string(from) + " is refused (" + wrong +
                  "); run the same version of fasweep on every rank");
    return false;
  }
  return header.status != RunStatus::cancelled &&
         header.status != RunStatus::pending;  // else it goes back to the queue
}

void Master::return_work(const std::vector<RunRange>& ranges, bool by_accident) {
  if (!by_accident) {
    put_back(ranges);
    return;
  }
  for (const RunRange& range : ranges) {
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      const int lost = ++attempts_[run];
      if (lost < options_.max_attempts) {
        // Lost once more, it may be the one that kills its worker: from then on it risks no other run.
        put_back({{run, 1}}, lost > 1);
      } else {
        record_failure(run, "its worker was lost or failed " + std::to_string(options_.max_attempts) + " times");
      }
    }
  }
}

void Master::put_back(const std::vector<RunRange>& ranges, bool alone) {
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    queues_[is_for(Crew::devices, range->first) ? 1 : 0].put_back({*range}, alone);
  }
}

bool Master::is_for(Crew crew, std::int64_t run) const {
  return (options_.device_takes && options_.device_takes(run) ? Crew::devices : Crew::cores) == crew;
}

void Master::record_failure(std::int64_t run, const std::string& why) {
  const RunSettings settings = plan_.settings(run);
  const RunRecord record =
      failed_record(plan_.at(run), settings.data, settings.training, settings.record, plan_.solver(run), why);
  ByteWriter out;
  encode(record, out);
  sink_.add(record, out.view());
  ++progress_.done;
  ++progress_.failed;
}

void Master::handle_death(int rank) {
  Agent& agent = agents_.at(static_cast<std::size_t>(rank));
  const bool was_gone = agent.gone();
  agent.dead = true;
  if (!was_gone) {
    lose(rank, "it died");
  }
}

void Master::lose(int rank, const std::string& why) {
  Agent& agent = agents_[static_cast<std::size_t>(rank)];
  const std::size_t batches = agent.crews[0].batches.size() + agent.crews[1].batches.size();
  options_.warn("rank " + std::to_string(rank) + " is lost (" + why + "); its " + std::to_string(batches) +
                " batches are handed out again");
  agent.lost = true;
  take_back_batches(agent);
}

void Master::take_back_batches(Agent& agent) {
  for (Workers& workers : agent.crews) {
    for (const auto& [id, assigned] : std::exchange(workers.batches, {})) {
      return_work(assigned.batch.ranges, !draining_);
    }
  }
}

void Master::tick(double now, double time_left_s) {
  constexpr double looks_until_lost = 100;  // at every agent
  if (now - looked_ > options_.lost_after_s / looks_until_lost) {
    looked_ = now;
    lose_silent_agents(now);
  }
  if (draining_) {
    return;
  }
  assign_work(time_left_s);
  if (std::isfinite(time_left_s) && out_of_time()) {
    options_.warn("none of the " + std::to_string(runs_waiting()) +
                  " remaining runs would finish in time; stopping before the time limit");
    drain();
  }
}

void Master::lose_silent_agents(double now) {
  for (int rank = 0; rank < static_cast<int>(agents_.size()); ++rank) {
    const Agent& agent = agents_[static_cast<std::size_t>(rank)];
    if (!agent.gone() && now - agent.last_heard > options_.lost_after_s) {
      lose(rank, "silent for " + format_real(options_.lost_after_s) + " s");
    }
  }
}

void Master::assign_work(double time_left_s) {
  if (!has_work_left() || may_want_work_.empty()) {
    return;
  }
  const std::array<int, crew_count> workers{count_workers(Crew::cores), count_workers(Crew::devices)};
  // Round by round, so that no agent takes the whole rest while another has nothing.
  for (bool assigned = true; assigned && has_work_left();) {
    assigned = false;
    for (auto next = may_want_work_.begin(); next != may_want_work_.end() && has_work_left();) {
      const int rank = *next;
      Agent& agent = agents_[static_cast<std::size_t>(rank)];
      bool wants = false;
      for (const Crew crew : {Crew::devices, Crew::cores}) {
        if (!wants_work(agent, crew)) {
          continue;
        }
        wants = true;
        std::optional<Batch> batch = take_batch(agent, crew, workers[static_cast<std::size_t>(crew)], time_left_s);
        if (!batch) {
          continue;  // a faster agent may have the time for more
        }
        send_(rank, Assign{next_batch_, batch->ranges, crew});
        agent.crew(crew).batches.emplace(next_batch_++, Assigned{std::move(*batch)});
        assigned = true;
      }
      next = wants ? std::next(next) : may_want_work_.erase(next);  // until it is heard again
    }
  }
}

/// all_workers: of the crew, on all ranks. A batch is at most a third of a worker's fair share of the rest; a device
/// gains nothing by few runs at a time.
std::optional<Batch> Master::take_batch(const Agent& agent, Crew crew, int all_workers, double time_left_s) {
  WorkQueue* queue = queue_for(crew);
  if (queue == nullptr) {
    return std::nullopt;
  }
  const Workers& workers = agent.crew(crew);
  const bool is_device = crew == Crew::devices;
  const double shares_a_worker = is_device ? 1 : 3;
  const double fair = queue->cost_left() / (shares_a_worker * std::max(all_workers, 1));
  const double wanted = workers.rate * (is_device ? options_.device_batch_seconds : options_.batch_seconds);
  const double most = most_run_cost(workers, time_left_s);
  const double least = is_device ? side_by_side_cost(*queue, workers) : 0;
  return queue->take(std::min(std::max(std::min(wanted, fair), least), most),
                     is_device ? most_device_runs_ : most_runs_, most);
}

/// Where a worker of this crew finds its next batch: among the crew's own runs, or among those of a crew that is gone.
/// Nullptr: there is none for it.
WorkQueue* Master::queue_for(Crew crew) {
  const auto own = static_cast<std::size_t>(crew);
  if (!queues_[own].empty()) {
    return &queues_[own];
  }
  const auto other = static_cast<Crew>(1 - own);
  const bool may_help = !options_.device_takes || !may_have_workers(other);
  return may_help && !queues_[1 - own].empty() ? &queues_[1 - own] : nullptr;
}

/// Cost of the runs that a device with an idle worker trains side by side, however long they are: an equal share for
/// each idle worker, and no more than fill a device.
double Master::side_by_side_cost(const WorkQueue& queue, const Workers& workers) const {
  constexpr double runs_that_fill = 32;
  if (static_cast<int>(workers.batches.size()) >= workers.count) {
    return 0;
  }
  int idle = 0;
  for (const Agent& other : agents_) {
    const Workers& of_other = other.crew(Crew::devices);
    idle += other.gone() ? 0 : std::max(of_other.count - static_cast<int>(of_other.batches.size()), 0);
  }
  return std::min(runs_that_fill * queue.next_run_cost(), queue.cost_left() / std::max(idle, 1));
}

/// The largest cost of a run that one of these workers may begin now, after the runs it already holds.
double Master::most_run_cost(const Workers& workers, double time_left_s) const {
  if (!std::isfinite(time_left_s) || !workers.has_rate || time_left_s > options_.saved_after_s) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr double margin = 0.9;  // predictions miss by some percent
  double held = 0;
  for (const auto& [id, assigned] : workers.batches) {
    held += assigned.batch.cost;
  }
  return std::max(margin * time_left_s * workers.rate - held / workers.count, 0.0);
}

/// Whether everybody who could work has been heard and has nothing to do although there is work.
bool Master::out_of_time() const {
  const bool waiting = std::all_of(agents_.begin(), agents_.end(),
                                   [](const Agent& a) { return a.gone() || (a.greeted && !a.has_batches()); });
  return waiting && count_workers() > 0 && has_work_left();
}

bool Master::wants_work(const Agent& agent, Crew crew) const {
  if (!agent.can_work(crew)) {
    return false;
  }
  const Workers& workers = agent.crew(crew);
  const auto held = static_cast<int>(workers.batches.size());
  if (held < workers.count) {
    return true;
  }
  // One batch ahead for each worker hides the way to the master; a long run ahead would only wait where another worker
  // is idle.
  constexpr double long_batch_s = 1;
  double cost = 0;
  for (const auto& [id, assigned] : workers.batches) {
    cost = std::max(cost, assigned.batch.cost);
  }
  return held < 2 * workers.count && cost < workers.rate * long_batch_s;
}

int Master::count_workers(Crew crew) const {
  int workers = 0;
  for (const Agent& agent : agents_) {
    workers += agent.gone() ? 0 : agent.crew(crew).count;
  }
  return workers;
}

/// Whether there are workers of this crew, or may be on a rank that has not been heard yet.
bool Master::may_have_workers(Crew crew) const {
  return std::any_of(agents_.begin(), agents_.end(), [crew](const Agent& agent) {
    return !agent.gone() && (!agent.greeted || agent.crew(crew).count > 0);
  });
}

void Master::drain() {
  if (draining_) {
    return;
  }
  draining_ = true;
  for (std::size_t rank = 0; rank < agents_.size(); ++rank) {
    if (agents_[rank].greeted && !agents_[rank].gone()) {
      send_(static_cast<int>(rank), Drain{});
    }
  }
}

bool Master::finished() const {
  const bool training =
      std::any_of(agents_.begin(), agents_.end(), [](const Agent& a) { return !a.gone() && a.has_batches(); });
  // An agent that has not said hello yet may still come and work.
  const bool hopeless = std::all_of(agents_.begin(), agents_.end(),
                                    [](const Agent& a) { return a.gone() || (a.greeted && a.workers() == 0); });
  return !training && (!has_work_left() || draining_ || hopeless);
}

void Master::stop_agents() {
  stopping_ = true;
  for (std::size_t rank = 0; rank < agents_.size(); ++rank) {
    if (agents_[rank].greeted && !agents_[rank].left) {
      send_(static_cast<int>(rank), Stop{!lost_agents().empty()});
    }
  }
}

bool Master::all_left() const {
  return std::all_of(agents_.begin(), agents_.end(), [](const Agent& agent) { return agent.gone(); });
}

bool Master::all_greeted() const {
  return std::all_of(agents_.begin(), agents_.end(), [](const Agent& agent) { return agent.greeted; });
}

std::vector<int> Master::lost_agents() const {
  std::vector<int> lost;
  for (std::size_t rank = 0; rank < agents_.size(); ++rank) {
    if (agents_[rank].lost) {
      lost.push_back(static_cast<int>(rank));
    }
  }
  return lost;
}

Progress Master::progress(double now) const {
  Progress progress = progress_;
  progress.workers = count_workers();
  const double elapsed = now - start_;
  progress.runs_per_second = elapsed > 0 ? static_cast<double>(progress.done - done_at_start_) / elapsed : 0;
  const double done = cost_done_ + cost_under_way();
  progress.share_done = progress.done == progress.total ? 1 : done / (done + cost_left());
  progress.eta_s = time_left();
  for (const Crew crew : {Crew::cores, Crew::devices}) {
    progress.busy[static_cast<std::size_t>(crew)] = busy_share(agents_, crew, now);
  }
  return progress;
}

/// Share of the time since their ranks were first heard that the agents' cores or devices have trained, by the batches
/// that are over. NaN where there are none.
double Master::busy_share(std::span<const Agent> agents, Crew crew, double now) {
  double busy = 0;
  double all = 0;
  for (const Agent& agent : agents) {
    busy += agent.crew(crew).busy_s;
    all += agent.greeted ? agent.processors[static_cast<std::size_t>(crew)] * (now - agent.greeted_at) : 0;
  }
  return all > 0 ? std::min(busy / all, 1.0) : not_a_number;
}

void Master::note_busy(double now) {
  for (std::size_t rank = 0; rank < agents_.size(); ++rank) {
    std::string shares;
    for (const Crew crew : {Crew::cores, Crew::devices}) {
      const double share = busy_share({&agents_[rank], 1}, crew, now);
      if (!std::isnan(share)) {
        shares += (shares.empty() ? "" : ", ") + std::string(crew == Crew::cores ? "cores " : "GPUs ") +
                  std::to_string(std::lround(100 * share)) + " % busy";
      }
    }
    if (!shares.empty()) {
      sink_.note_agent("rank " + std::to_string(rank) + ": " + shares);
    }
  }
}

/// Flop done of runs that are not over.
double Master::cost_under_way() const {
  double cost = 0;
  for (const Agent& agent : agents_) {
    for (const Workers& workers : agent.crews) {
      for (const auto& [id, assigned] : workers.batches) {
        cost += assigned.news.done;
      }
    }
  }
  return cost;
}

/// Remaining flop, including that of batches in progress.
double Master::cost_left() const {
  double cost = queues_[0].cost_left() + queues_[1].cost_left();
  for (const Agent& agent : agents_) {
    for (const Workers& workers : agent.crews) {
      for (const auto& [id, assigned] : workers.batches) {
        cost += assigned.batch.cost - assigned.news.done;
      }
    }
  }
  return cost;
}

double Master::Workers::known_rate() const {
  double work = 0;
  double seconds = 0;
  for (const auto& [id, assigned] : batches) {
    work += std::max(assigned.news.done - assigned.news.restored, 0.0);
    seconds += assigned.news.seconds;
  }
  return has_rate ? rate : work > 0 && seconds > 0 ? work / seconds : 0;
}

/// Seconds until all work is done if each crew shares its own evenly, but no less than the longest batch under way
/// takes.
double Master::time_left() const {
  double all_rates = 0;
  double longest_s = 0;
  std::array<double, crew_count> own_s{};
  for (const Crew crew : {Crew::cores, Crew::devices}) {
    const auto index = static_cast<std::size_t>(crew);
    double rate = 0;
    for (const Agent& agent : agents_) {
      const Workers& workers = agent.crew(crew);
      const double worker_rate = agent.can_work(crew) ? workers.known_rate() : 0;
      rate += worker_rate * workers.count;
      for (const auto& [id, assigned] : workers.batches) {
        const double left = assigned.batch.cost - assigned.news.done;
        longest_s = worker_rate > 0 ? std::max(longest_s, left / worker_rate) : longest_s;
      }
    }
    own_s[index] = options_.device_takes && rate > 0 ? queues_[index].cost_left() / rate : 0;
    all_rates += rate;
  }
  return all_rates > 0 ? std::max({cost_left() / all_rates, longest_s, own_s[0], own_s[1]})
                       : std::numeric_limits<double>::infinity();
}

}  // namespace fasweep
