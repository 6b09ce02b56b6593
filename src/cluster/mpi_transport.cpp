#include "cluster/mpi_transport.hpp"

#include <mpi.h>
#if FASWEEP_ULFM
#include <mpi-ext.h>
#endif

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <limits>
#include <list>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "util/error.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {
namespace {

void check(int code, const char* call) {
  if (code != MPI_SUCCESS) {
    std::array<char, MPI_MAX_ERROR_STRING> text{};
    int length = 0;
    MPI_Error_string(code, text.data(), &length);
    throw TransportError(std::string(call) + " failed (" + std::string(text.data(), static_cast<std::size_t>(length)) +
                         "); run the same command again to continue");
  }
}

/// Whether this process was started by an mpirun of Open MPI 5 that was not told to go on without the dead. Ranks see
/// that only from its command line, on its own node.
bool is_under_plain_prterun() {
  std::ifstream file("/proc/" + std::to_string(getppid()) + "/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) {
    words.push_back(word);
  }
  const auto has = [&](std::string_view option) {
    return std::find(words.begin(), words.end(), option) != words.end();
  };
  const std::string name = words.empty() ? "" : std::filesystem::path(words.front()).filename().string();
  return std::getenv("OMPI_MCA_mpi_ft_enable") == nullptr &&
         (name == "mpirun" || name == "mpiexec" || name == "prterun") && !has("--enable-recovery");
}

/// Whether the launcher ends all ranks if one dies: Open MPI's mpirun does, unless told otherwise. For others it is
/// unknown.
bool launcher_ends_all() {
  if (std::getenv("PRTE_LAUNCHED") != nullptr) {
    return is_under_plain_prterun();
  }
  return std::getenv("OMPI_MCA_orte_hnp_uri") != nullptr && std::getenv("OMPI_MCA_orte_enable_recovery") == nullptr;
}

/// Ends a process of this program that is stopped (SIGSTOP): it cannot leave by itself, and launchers wait for it.
void end_if_stopped(long process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::error_code ignored;
  const bool is_ours = std::filesystem::read_symlink(folder + "/exe", ignored) ==
                       std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::string status;  // "PID (NAME) STATE ..."
  std::getline(std::ifstream(folder + "/stat"), status);
  const std::size_t name_end = status.rfind(") ");
  if (is_ours && name_end != std::string::npos && status[name_end + 2] == 'T') {
    kill(static_cast<pid_t>(process), SIGKILL);
  }
}

#if FASWEEP_ULFM

/// Ranks known to have died, which is nobody unless the launcher was told to tolerate faults (mpirun --with-ft ulfm).
std::set<int> find_dead_ranks() {
  MPI_Group dead = MPI_GROUP_NULL;
  if (MPIX_Comm_get_failed(MPI_COMM_WORLD, &dead) != MPI_SUCCESS) {
    return {};
  }
  int count = 0;
  MPI_Group_size(dead, &count);
  std::vector<int> in_group(static_cast<std::size_t>(count));
  std::iota(in_group.begin(), in_group.end(), 0);
  std::vector<int> ranks(in_group.size());
  MPI_Group everybody = MPI_GROUP_NULL;
  MPI_Comm_group(MPI_COMM_WORLD, &everybody);
  MPI_Group_translate_ranks(dead, count, in_group.data(), everybody, ranks.data());
  MPI_Group_free(&everybody);
  MPI_Group_free(&dead);
  return {ranks.begin(), ranks.end()};
}

/// Whether a call failed only because ranks died. They are acknowledged then: messages from any source arrive again.
bool failed_for_the_dead(int code) {
  int error_class = MPI_SUCCESS;
  MPI_Error_class(code, &error_class);
  if (error_class != MPIX_ERR_PROC_FAILED && error_class != MPIX_ERR_PROC_FAILED_PENDING) {
    return false;
  }
  MPIX_Comm_failure_ack(MPI_COMM_WORLD);
  return true;
}

#else

std::set<int> find_dead_ranks() {
  return {};
}

bool failed_for_the_dead(int /*code*/) {
  return false;
}

#endif

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED) {
      throw TransportError(
          "this MPI cannot be used (it supports no threads at all); use one built with MPI_THREAD_FUNNELED");
    }
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node_),
          "MPI_Comm_split_type");
    check(MPI_Comm_rank(node_, &node_rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(node_, &node_size_), "MPI_Comm_size");
    node_processes_.resize(static_cast<std::size_t>(node_size_));
    const long own = getpid();
    check(MPI_Allgather(&own, 1, MPI_LONG, node_processes_.data(), 1, MPI_LONG, node_), "MPI_Allgather");
  }

  ~MpiTransport() override {
    try {
      part();
    } catch (const TransportError&) {  // all that was to be sent or kept is, and there is nobody left to tell
    }
  }

  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }

  void send(int to, Bytes body) override {
    if (to == rank_) {
      to_self_.push_back({rank_, std::move(body)});
    } else {
      post(to, std::move(body), message_tag);
    }
  }

  [[nodiscard]] std::optional<Message> receive() override {
    if (!to_self_.empty()) {
      Message message = std::move(to_self_.front());
      to_self_.pop_front();
      return message;
    }
    drop_sent();
    int arrived = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status status;
    const int code = MPI_Improbe(MPI_ANY_SOURCE, message_tag, MPI_COMM_WORLD, &arrived, &handle, &status);
    if (failed_for_the_dead(code)) {
      return std::nullopt;
    }
    check(code, "MPI_Improbe");
    if (arrived == 0) {
      return std::nullopt;
    }
    int size = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &size), "MPI_Get_count");
    Message message{status.MPI_SOURCE, Bytes(static_cast<std::size_t>(size))};
    check(MPI_Mrecv(message.body.data(), size, MPI_BYTE, &handle, MPI_STATUS_IGNORE), "MPI_Mrecv");
    return message;
  }

  [[nodiscard]] std::set<int> dead_ranks() override {
    constexpr double interval_s = 0.02;
    if (since_dead_.seconds() >= interval_s) {
      since_dead_.restart();
      dead_ = find_dead_ranks();
    }
    return dead_;
  }

  [[nodiscard]] bool outlives_others() const override { return outlives_others_; }

  void set_farewell(Farewell farewell, int leader) override {
    farewell_ = farewell;
    leader_ = leader;
  }

  std::string broadcast_text(std::string text) override { return broadcast(std::move(text), MPI_COMM_WORLD); }

  [[nodiscard]] int smallest(int number) override {
    check(MPI_Allreduce(MPI_IN_PLACE, &number, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD), "MPI_Allreduce");
    return number;
  }

  [[nodiscard]] int node_rank() const override { return node_rank_; }
  [[nodiscard]] int node_size() const override { return node_size_; }
  [[nodiscard]] std::string broadcast_in_node(std::string text) override { return broadcast(std::move(text), node_); }

  [[nodiscard]] bool must_poll() const override { return size_ > 1; }

 private:
  static constexpr int message_tag = 0;
  static constexpr int farewell_tag = 1;

  /// Takes leave of the other ranks, as far as they live.
  void part() {
    if (farewell_ == Farewell::after_leader) {
      if (rank_ == leader_) {
        let_the_others_go();
      } else {
        wait_for_leader();
      }
      if (!launcher_ends_all()) {
        std::for_each(node_processes_.begin(), node_processes_.end(), end_if_stopped);
      }
    }
    constexpr double patience_s = 1;
    const Stopwatch stopwatch;
    while (!sending_.empty() && stopwatch.seconds() < patience_s) {
      drop_sent();
    }
    // A message nobody takes means a dead rank too, and MPI_Finalize would wait for it.
    if (sending_.empty() && farewell_ == Farewell::together) {
      MPI_Comm_free(&node_);
      MPI_Finalize();
    }
  }

  /// A message on its way; MPI owns the bytes until the request completes.
  struct Sending {
    Bytes body;
    MPI_Request request;
  };

  static std::string broadcast(std::string text, MPI_Comm ranks) {
    auto size = static_cast<std::uint64_t>(text.size());
    check(MPI_Bcast(&size, 1, MPI_UINT64_T, 0, ranks), "MPI_Bcast");
    text.resize(size);
    check(MPI_Bcast(text.data(), static_cast<int>(size), MPI_CHAR, 0, ranks), "MPI_Bcast");
    return text;
  }

  void post(int to, Bytes body, int tag) {
    if (body.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      throw TransportError("a message of " + std::to_string(body.size()) +
                           " bytes cannot be sent (MPI counts in 31 bits); record fewer steps or metrics");
    }
    drop_sent();
    sending_.push_back({std::move(body), MPI_REQUEST_NULL});
    Sending& sending = sending_.back();
    if (MPI_Isend(sending.body.data(), static_cast<int>(sending.body.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD,
                  &sending.request) != MPI_SUCCESS) {
      sending_.pop_back();  // to a dead rank; heartbeats notice
    }
  }

  void let_the_others_go() {
    for (int to = 0; to < size_; ++to) {
      if (to != rank_) {
        post(to, {}, farewell_tag);
      }
    }
  }

  void wait_for_leader() const {
    constexpr double longest_s = 300;  // it may have died
    constexpr std::chrono::milliseconds pause(2);
    const Stopwatch stopwatch;
    for (int arrived = 0; arrived == 0 && (!outlives_others_ || stopwatch.seconds() < longest_s);
         std::this_thread::sleep_for(pause)) {
      if (MPI_Iprobe(leader_, farewell_tag, MPI_COMM_WORLD, &arrived, MPI_STATUS_IGNORE) != MPI_SUCCESS) {
        return;
      }
    }
  }

  void drop_sent() {
    sending_.remove_if([](Sending& sending) {
      int done = 0;
      return MPI_Test(&sending.request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done != 0;
    });
  }

  int rank_ = 0;
  int size_ = 1;
  MPI_Comm node_ = MPI_COMM_NULL;  // the ranks of this node
  int node_rank_ = 0;
  int node_size_ = 1;
  const bool outlives_others_ = !launcher_ends_all();
  std::vector<long> node_processes_;  // of the ranks of this node
  Farewell farewell_ = Farewell::together;
  int leader_ = 0;  // that a farewell waits for
  std::set<int> dead_;
  Stopwatch since_dead_;
  std::list<Sending> sending_;
  std::deque<Message> to_self_;
};

}  // namespace

std::unique_ptr<Transport> make_mpi_transport() {
  return std::make_unique<MpiTransport>();
}

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string version(text.data());  // Open MPI counts the zero at its end into its length
  return version.substr(0, version.find('\n'));
}

}  // namespace fasweep
