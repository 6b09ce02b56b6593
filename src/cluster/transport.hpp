// How ranks talk: messages of bytes between the main threads of all ranks. Twins: LocalTransport (one process) and
// MpiTransport. Messages from one rank to another arrive in the order sent.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "util/bytes.hpp"

namespace fasweep {

struct Message {
  int from = 0;
  Bytes body;
};

/// How a rank leaves at the end. Some launchers (mpirun without --enable-recovery) end all ranks as soon as one leaves
/// without the farewell.
enum class Farewell {
  together,      // all ranks wait for all
  after_leader,  // a rank is lost, and the others would wait for it forever: they wait for the leading one, which
                 // writes the file
  at_once
};

/// One rank's end. Used by that rank's main thread only.
class Transport {
 public:
  virtual ~Transport() = default;
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;

  /// Returns at once; `to` may be this rank. A message to a dead rank is lost silently: heartbeats notice the dead.
  virtual void send(int to, Bytes body) = 0;

  /// The next message, or nothing.
  [[nodiscard]] virtual std::optional<Message> receive() = 0;

  /// Ranks that have died, as far as the transport hears of deaths at all; heartbeats notice the others.
  [[nodiscard]] virtual std::set<int> dead_ranks() { return {}; }

  /// Whether this rank lives on when another dies, so that it has to notice that the leading rank is gone. Where the
  /// launcher ends all ranks with one, a silent one is only slow, and no rank may leave.
  [[nodiscard]] virtual bool outlives_others() const { return true; }

  /// For this end's destructor; Farewell::together unless set. leader: which rank is waited for.
  virtual void set_farewell(Farewell farewell, int leader = 0) = 0;

  /// Collective: every rank returns the text of rank 0. Called once, before anything else.
  virtual std::string broadcast_text(std::string text) = 0;

  /// Collective, before any message: every rank returns the smallest of all ranks' numbers.
  [[nodiscard]] virtual int smallest(int number) = 0;

  /// Which of the ranks of its node this one is, and of how many.
  [[nodiscard]] virtual int node_rank() const = 0;
  [[nodiscard]] virtual int node_size() const = 0;

  /// Collective over the ranks of a node: every one returns the text of the first.
  [[nodiscard]] virtual std::string broadcast_in_node(std::string text) = 0;

  /// Whether messages can arrive while this rank sleeps, so that it must look from time to time.
  [[nodiscard]] virtual bool must_poll() const = 0;
};

}  // namespace fasweep
