// The results of a running sweep: takes records into the journal, publishes the HDF5 file from it, resumes what was
// interrupted. See docs/architecture.md; the journal is the source of truth until the file is complete.
//
// Threads: tick() and try_finish() publish on a thread of the store's own, which reads nothing but the journal up to
// where it then ended, and where records are. HDF5 is not thread-safe: while a publication is under way that thread
// alone uses it, here and in the rest of the program; publish(), finish() and the destructor wait for it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "store/file_lock.hpp"
#include "store/journal.hpp"
#include "store/result_writer.hpp"
#include "sweep/plan.hpp"
#include "train/record_sink.hpp"
#include "util/stopwatch.hpp"

namespace fasweep {

struct StoreOptions {
  double sync_interval_s = 1;   // an accepted record waits at most this long for the disk
  double first_publish_s = 30;  // first snapshot of the file; later ones come at growing intervals
  std::set<RunStatus> retry;    // records with these ends count as missing
  WithoutLocks without_locks = WithoutLocks::warn;
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  /// How much of a journal has been read while results are opened; may throw, to stop that.
  std::function<void(std::int64_t bytes, std::int64_t of_bytes)> on_replay = [](std::int64_t, std::int64_t) {};
};

/// Who writes, for the provenance.
struct SessionInfo {
  std::string command_line;
  std::string build;
  std::string host;
};

/// The job whose results `file` or its journal hold, if there is either; both are left as they are. Throws ConfigError
/// or DamagedError if they cannot be read.
[[nodiscard]] std::optional<Job> find_stored_job(const std::filesystem::path& file);

class ResultStore final : public RecordSink {
 public:
  /// Opens or creates the results of `plan` in `file` and takes the lock. Results of the same plan, or of a part of it,
  /// are continued. Throws ConfigError (not fasweep's file, held by another process, folder not writable, no room),
  /// PlanConflictError with the differences, DamagedError; then nothing has been changed. plan outlives the store.
  ResultStore(std::filesystem::path file, const Plan& plan, StoreOptions options, SessionInfo session);
  ~ResultStore() override;

  [[nodiscard]] bool has(std::int64_t run) const override;
  void add(const RecordHeader& header, std::span<const std::byte> encoded) override;
  void tick() override;
  [[nodiscard]] bool try_finish() override;
  void note_agent(const std::string& description) override;

  /// What ranks have told of themselves so far, a line each.
  [[nodiscard]] const std::string& agents() const { return provenance_.agents; }

  /// Forces what was accepted to disk.
  void sync();

  /// Writes the file from the journal: to a temporary name, forced to disk, renamed into place. What others have put
  /// into the file so far is taken over; a file that cannot be read, or that another program is writing to, is kept
  /// aside.
  void publish();

  /// Takes over the starts and ranks behind records that come from another file; once, however often it is called.
  void note_origin(const Provenance& origin);

  /// Publishes; when the plan's shard is complete, the journal and the checkpoints go. Waits for it, unlike
  /// try_finish().
  void finish();

  /// Whether every run of the plan's shard has a record.
  [[nodiscard]] bool complete() const;

  [[nodiscard]] const std::array<std::int64_t, run_status_names.size()>& counts() const { return counts_; }

  /// Second records of a run that differed from the first, which was kept.
  [[nodiscard]] std::int64_t differing_duplicates() const { return differing_duplicates_; }

 private:
  /// Where the record of a run is, and how the run ended; a publication reads it while records come in.
  class Row {
   public:
    /// Offset of the record's frame in the journal; -1: none.
    [[nodiscard]] std::int64_t offset() const {
      const std::int64_t packed = packed_.load(std::memory_order_relaxed);
      return packed == 0 ? -1 : packed / statuses;
    }
    [[nodiscard]] bool has_record() const { return offset() >= 0; }
    [[nodiscard]] RunStatus status() const {
      return static_cast<RunStatus>(packed_.load(std::memory_order_relaxed) % statuses);
    }
    void set(std::int64_t offset, RunStatus status) {
      packed_.store(offset * statuses + static_cast<std::int64_t>(status), std::memory_order_relaxed);
    }
    void clear() { packed_.store(0, std::memory_order_relaxed); }

   private:
    static constexpr std::int64_t statuses = run_status_names.size();
    std::atomic<std::int64_t> packed_ = 0;  // 0: no record; no status but pending is 0
  };

  enum class Purpose { snapshot, end };

  /// A file that is being written in the background.
  struct Publication {
    Purpose purpose = Purpose::snapshot;
    std::int64_t journal_end = 0;  // what lies before it is published
    Stopwatch stopwatch;
    std::atomic<bool> cancelled = false;
    std::future<std::string> warning;  // when it is over; empty for none
  };

  void check_room() const;
  void open_journal();
  void replay();
  void import_file();
  void start_journal(const std::function<void(JournalWriter&)>& fill);
  void forget_retried();
  void take_runs_of_file_alone(const std::unordered_set<std::uint64_t>& forgotten);
  std::int64_t append_record(std::uint64_t identity, std::span<const std::byte> encoded);
  void append_plan();
  [[nodiscard]] bool puts_off_publishing();
  void begin_publication(Purpose purpose);
  [[nodiscard]] bool end_publication();
  void abandon_publication();
  [[nodiscard]] bool is_published(Purpose purpose) const;
  [[nodiscard]] std::string replace_file(std::int64_t journal_end, const Provenance& provenance,
                                         const std::atomic<bool>& cancelled) const;
  void set_row(std::int64_t row, std::int64_t offset, RunStatus status);
  void clear_row(std::int64_t row);
  [[nodiscard]] std::int64_t find_row(std::uint64_t identity, std::int64_t guess);
  void note_session(const std::string& line);
  void drop_checkpoints();
  void compare_duplicate(std::int64_t run, std::span<const std::byte> encoded);

  std::filesystem::path file_;
  const Plan& plan_;
  StoreOptions options_;
  SessionInfo session_;
  Provenance provenance_;
  std::optional<FileLock> lock_;
  std::unique_ptr<JournalWriter> journal_;  // none once complete
  std::vector<Row> rows_;
  std::array<std::int64_t, run_status_names.size()> counts_{};
  std::int64_t shard_left_;                                              // runs of the shard without a record
  std::vector<std::pair<std::uint64_t, std::int64_t>> row_of_identity_;  // sorted, while results are opened
  std::int64_t differing_duplicates_ = 0;
  std::int64_t bytes_since_plan_ = 0;    // of records in the journal
  bool told_of_writer_ = false;          // that another program is writing to the file
  std::vector<std::uint64_t> unsynced_;  // identities of the runs recorded since the last sync
  Stopwatch since_sync_;
  Stopwatch since_publish_;  // or since this start, before the first
  double publish_interval_s_ = 0;
  std::int64_t published_end_ = -1;  // of the journal when it was published; -1: this start has not done so
  Purpose published_for_ = Purpose::snapshot;
  std::unique_ptr<Publication> publication_;  // in progress
  bool finished_file_ = false;                // nothing was left to do when the file was opened, or it is finished
};

}  // namespace fasweep
