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
      queue_(plan,
             [this, looked = std::int64_t{0}](std::int64_t run) mutable {
               constexpr std::int64_t told_every = 1 << 16;
               if (looked++ % told_every == 0) {
                 options_.on_queue(looked - 1);
               }
               return sink_.has(run);
             }),
      agents_(static_cast<std::size_t>(ranks)) {
  for (Agent& agent : agents_) {
    agent.last_heard = now;
  }
  // Of one message, of which both ends hold some at a time; a device gains by many runs side by side.
  constexpr std::int64_t result_bytes = 1 << 20;
  constexpr std::int64_t device_result_bytes = 64 << 20;
  most_runs_ = std::max<std::int64_t>(1, result_bytes / plan.record_bytes());
  most_device_runs_ = std::max<std::int64_t>(1, device_result_bytes / plan.record_bytes());
  progress_.total = plan.shard_size();
  progress_.done = progress_.total - queue_.runs_left();
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
    options_.warn("rank " + std::to_string(from) + " was not heard (it did not say hello); its message is dropped");
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
  agent.workers = std::max(hello.workers, 0);
  agent.last_heard = now;
  agent.has_devices = hello.device_rate > 0;
  agent.rate = agent.has_devices ? hello.device_rate : nominal_flop_per_second / 4;
  sink_.note_agent("rank " + std::to_string(from) + ": " + hello.description);
  warn_of_shared_devices(from, hello);
  send_(from, Welcome{next_worker_});
  next_worker_ += agent.workers;
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
  Agent& agent = agents_[static_cast<std::size_t>(from)];
  agent.workers = std::clamp(result.workers_left, 0, agent.workers);
  if (!result.resignation.empty()) {
    options_.warn("a worker of rank " + std::to_string(from) + " resigned (" + result.resignation + "); " +
                  std::to_string(count_workers()) + " workers are left");
  }
  Batch batch;  // stays empty if the batch was handed out again in the meantime: its records still count
  if (const auto found = agent.batches.find(result.batch); found != agent.batches.end()) {
    batch = std::move(found->second.batch);
    agent.batches.erase(found);
  }
  std::vector<RunRange> missing = batch.ranges;
  take_records(from, result, missing);
  const double done = cost_without(missing, batch);
  cost_done_ += done;
  learn_rate(agent, done - result.restored, result.seconds);
  // Runs come back because of a drain, or because a worker could not train them.
  return_work(missing, !draining_);
}

void Master::take(Agent& agent, const Heartbeat& heartbeat) {
  for (const BatchWork& work : heartbeat.work) {
    if (const auto found = agent.batches.find(work.batch); found != agent.batches.end()) {
      found->second.news = work;  // of another one the result came, or it was taken back
      found->second.news.done = std::min(work.done, found->second.batch.cost);
    }
  }
}

void Master::learn_rate(Agent& agent, double cost, double seconds) {
  if (cost <= 0 || seconds <= 0) {
    return;
  }
  constexpr double newest_share = 0.3;
  const double rate = cost / seconds;
  agent.rate = agent.has_rate ? (1 - newest_share) * agent.rate + newest_share * rate : rate;
  agent.has_rate = true;
}

void Master::take_records(int from, const Result& result, std::vector<RunRange>& missing) {
  std::set<std::int64_t> recorded;
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
      const bool is_new = !sink_.has(header.run);
      sink_.add(header, std::span(result.records).subspan(begin, end - begin));
      progress_.done += is_new ? 1 : 0;
      progress_.failed += is_new && header.status == RunStatus::failed ? 1 : 0;
      progress_.diverged += is_new && header.status == RunStatus::diverged ? 1 : 0;
    }
  } catch (const TransportError& error) {
    options_.warn("records of rank " + std::to_string(from) + " are refused from here on: " + error.what());
  }
  missing = subtract(missing, recorded);
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
    queue_.put_back(ranges);
    return;
  }
  for (const RunRange& range : ranges) {
    for (std::int64_t run = range.first; run < range.first + range.count; ++run) {
      const int lost = ++attempts_[run];
      if (lost < options_.max_attempts) {
        // Lost once more, it may be the one that kills its worker: from then on it risks no other run.
        queue_.put_back({{run, 1}}, lost > 1);
      } else {
        record_failure(run, "its worker was lost or failed " + std::to_string(options_.max_attempts) + " times");
      }
    }
  }
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
  options_.warn("rank " + std::to_string(rank) + " is lost (" + why + "); its " + std::to_string(agent.batches.size()) +
                " batches are handed out again");
  agent.lost = true;
  take_back_batches(agent);
}

void Master::take_back_batches(Agent& agent) {
  for (const auto& [id, assigned] : std::exchange(agent.batches, {})) {
    return_work(assigned.batch.ranges, !draining_);
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
    options_.warn("none of the " + std::to_string(queue_.runs_left()) +
                  " runs left would be done in time; stopping before the time limit");
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
  if (queue_.empty() || may_want_work_.empty()) {
    return;
  }
  const int workers = std::max(count_workers(), 1);
  // Round by round, so that no agent takes the whole rest while another has nothing.
  for (bool assigned = true; assigned && !queue_.empty();) {
    assigned = false;
    for (auto next = may_want_work_.begin(); next != may_want_work_.end() && !queue_.empty();) {
      const auto rank = static_cast<std::size_t>(*next);
      Agent& agent = agents_[rank];
      if (!wants_work(agent)) {
        next = may_want_work_.erase(next);  // until it is heard again
        continue;
      }
      ++next;
      // A batch is at most a third of a worker's fair share of the rest; a device gains nothing by few runs at a time.
      const double shares_a_worker = agent.has_devices ? 1 : 3;
      const double fair = queue_.cost_left() / (shares_a_worker * workers);
      const double most = most_run_cost(agent, time_left_s);
      const double target =
          std::min(std::max(std::min(agent.rate * options_.batch_seconds, fair), side_by_side_cost(agent)), most);
      std::optional<Batch> batch = queue_.take(target, agent.has_devices ? most_device_runs_ : most_runs_, most);
      if (!batch) {
        continue;  // a faster agent may have the time for more
      }
      send_(static_cast<int>(rank), Assign{next_batch_, batch->ranges});
      agent.batches.emplace(next_batch_++, Assigned{std::move(*batch)});
      assigned = true;
    }
  }
}

/// Of the runs that a device with an idle worker trains side by side, however long they are: an equal share for each
/// idle worker, and no more than fill a device.
double Master::side_by_side_cost(const Agent& agent) const {
  constexpr double runs_that_fill = 32;
  if (!agent.has_devices || static_cast<int>(agent.batches.size()) >= agent.workers) {
    return 0;
  }
  int idle = 0;
  for (const Agent& other : agents_) {
    idle += other.can_work() ? std::max(other.workers - static_cast<int>(other.batches.size()), 0) : 0;
  }
  return std::min(runs_that_fill * queue_.next_run_cost(), queue_.cost_left() / std::max(idle, 1));
}

/// Of a run that `agent` may begin now, after what it holds already.
double Master::most_run_cost(const Agent& agent, double time_left_s) const {
  if (!std::isfinite(time_left_s) || !agent.has_rate || time_left_s > options_.saved_after_s) {
    return std::numeric_limits<double>::infinity();
  }
  constexpr double margin = 0.9;  // predictions miss by some percent
  double held = 0;
  for (const auto& [id, assigned] : agent.batches) {
    held += assigned.batch.cost;
  }
  return std::max(margin * time_left_s * agent.rate - held / agent.workers, 0.0);
}

/// Whether everybody who could work has been heard and has nothing to do although there is work.
bool Master::out_of_time() const {
  const bool waiting = std::all_of(agents_.begin(), agents_.end(),
                                   [](const Agent& a) { return a.gone() || (a.greeted && a.batches.empty()); });
  return waiting && count_workers() > 0 && !queue_.empty();
}

bool Master::wants_work(const Agent& agent) const {
  if (!agent.can_work()) {
    return false;
  }
  const auto held = static_cast<int>(agent.batches.size());
  if (held < agent.workers) {
    return true;
  }
  // One batch ahead for each worker hides the way to the master; a long run ahead would only wait where another worker
  // is idle.
  constexpr double long_batch_s = 1;
  double cost = 0;
  for (const auto& [id, assigned] : agent.batches) {
    cost = std::max(cost, assigned.batch.cost);
  }
  return held < 2 * agent.workers && cost < agent.rate * long_batch_s;
}

int Master::count_workers() const {
  int workers = 0;
  for (const Agent& agent : agents_) {
    workers += agent.can_work() ? agent.workers : 0;
  }
  return workers;
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
      std::any_of(agents_.begin(), agents_.end(), [](const Agent& a) { return !a.gone() && !a.batches.empty(); });
  // An agent that has not said hello yet may still come and work.
  const bool hopeless = std::all_of(agents_.begin(), agents_.end(),
                                    [](const Agent& a) { return a.gone() || (a.greeted && a.workers == 0); });
  return !training && (queue_.empty() || draining_ || hopeless);
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
  return progress;
}

/// Flop done of runs that are not over.
double Master::cost_under_way() const {
  double cost = 0;
  for (const Agent& agent : agents_) {
    for (const auto& [id, assigned] : agent.batches) {
      cost += assigned.news.done;
    }
  }
  return cost;
}

/// Flop, of batches under way what is left of them.
double Master::cost_left() const {
  double cost = queue_.cost_left();
  for (const Agent& agent : agents_) {
    for (const auto& [id, assigned] : agent.batches) {
      cost += assigned.batch.cost - assigned.news.done;
    }
  }
  return cost;
}

double Master::Agent::known_rate() const {
  double work = 0;
  double seconds = 0;
  for (const auto& [id, assigned] : batches) {
    work += std::max(assigned.news.done - assigned.news.restored, 0.0);
    seconds += assigned.news.seconds;
  }
  return has_rate ? rate : work > 0 && seconds > 0 ? work / seconds : 0;
}

/// Seconds until all work is done if it is shared evenly, but no less than the longest batch under way takes.
double Master::time_left() const {
  double rate = 0;
  double longest_s = 0;
  for (const Agent& agent : agents_) {
    const double worker_rate = agent.can_work() ? agent.known_rate() : 0;
    rate += worker_rate * agent.workers;
    for (const auto& [id, assigned] : agent.batches) {
      const double left = assigned.batch.cost - assigned.news.done;
      longest_s = worker_rate > 0 ? std::max(longest_s, left / worker_rate) : longest_s;
    }
  }
  return rate > 0 ? std::max(cost_left() / rate, longest_s) : std::numeric_limits<double>::infinity();
}

}  // namespace fasweep
