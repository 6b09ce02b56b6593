// What agents and the master say to each other. One struct a message; encode() and decode_message() are the only wire
// format.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sweep/work_queue.hpp"
#include "util/bytes.hpp"

namespace fasweep {

/// Worker threads of a rank by what they train on. Each crew has batches and a rate of its own.
enum class Crew : std::uint8_t { cores, devices };
inline constexpr std::size_t crew_count = 2;

/// Worker threads that share a GPU: while it trains the runs of one, another prepares the next.
inline constexpr int workers_a_device = 2;

/// Threads of a rank.
inline constexpr std::int32_t most_workers = 4096;

/// Agent to master, first of all. Version and plan must be the master's own, else the agent is refused.
struct Hello {
  std::uint64_t plan_hash = 0;
  std::int32_t workers = 0;               // that train on a core each
  std::string description;                // host and devices, for the provenance
  std::vector<std::string> devices = {};  // GPUs it takes to be its own, by UUID
  std::int32_t device_count = 0;          // GPUs it trains on, with workers_a_device workers each
  double device_rate = 0;                 // flop per second that a GPU may do, until it has shown
};

/// Master to agent: the number of its first worker over the whole sweep.
struct Welcome {
  std::int32_t first_worker = 0;
};

/// Master to agent: a worker of this crew trains these runs. Ids are never used twice.
struct Assign {
  std::int64_t batch = 0;
  std::vector<RunRange> ranges;
  Crew crew = Crew::cores;
};

/// Agent to master: a batch is over. Runs without a record were not finished. A worker whose device failed resigns with
/// its last result.
struct Result {
  std::int64_t batch = 0;
  double seconds = 0;   // of one worker
  double restored = 0;  // flop of these runs that came from checkpoints, in none of these seconds
  Crew crew = Crew::cores;
  std::int32_t workers_left = 0;  // of the crew: fewer when a device failed
  std::uint32_t count = 0;        // records
  Bytes records = {};             // their encodings (train/record.hpp), one after the other
  std::string resignation = {};   // why the worker resigned; empty: it did not
};

/// How far a batch in training has come. Work is predicted flop, set-up left out.
struct BatchWork {
  std::int64_t batch = 0;
  double seconds = 0;   // of its worker, when it had come so far
  double done = 0;      // flop
  double restored = 0;  // flop of these that came from checkpoints, in none of these seconds
};

/// Agent to master: still there, and how far its batches are. A batch may be missing: the latest news of it holds.
struct Heartbeat {
  std::vector<BatchWork> work = {};
};

/// Master to agent, in answer: so is the master.
struct HeartbeatReply {};

/// Master to agent: finish early, return what is not done.
struct Drain {};

/// Master to agent: nothing more to do, leave.
struct Stop {
  bool rank_died = false;  // leave without the farewell of all ranks, which would wait for the dead
};

/// Agent to master: leaving.
struct Bye {};

/// Master to agent: the one before it is lost, and this rank keeps the results from now on. Say hello to it.
struct Takeover {};

using WireMessage = std::variant<Hello, Welcome, Assign, Result, Heartbeat, HeartbeatReply, Drain, Stop, Bye, Takeover>;

/// Changes whenever the wire format or the meaning of a message does.
inline constexpr std::uint32_t protocol_version = 8;

[[nodiscard]] Bytes encode(const WireMessage& message);

/// Throws TransportError on anything encode() does not write.
[[nodiscard]] WireMessage decode_message(std::span<const std::byte> bytes);

}  // namespace fasweep
