#include "store/result_store.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "hdf5/hdf5_reading.hpp"
#include "store/checkpoint_files.hpp"
#include "store/journal_contents.hpp"
#include "store/record_check.hpp"
#include "store/result_file.hpp"
#include "sweep/plan_differences.hpp"
#include "util/error.hpp"
#include "util/fault_point.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm fields{};
  gmtime_r(&now, &fields);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &fields)};
}

std::string lock_holder(const std::string& host) {
  const char* job = std::getenv("SLURM_JOB_ID");
  return host + ", process " + std::to_string(getpid()) + (job == nullptr ? "" : ", Slurm job " + std::string(job));
}

[[noreturn]] void refuse_plan(const fs::path& file, const std::vector<std::string>& differences) {
  std::string lines;
  for (const std::string& difference : differences) {
    lines += "\n  " + difference;
  }
  throw PlanConflictError("'" + file.string() +
                          "' holds results of another plan (settings differ, or runs it has are not in this job); use "
                          "another file or the job it was made with:" +
                          lines);
}

void check_same_plan(const fs::path& file, const Plan& stored, const Plan& wanted) {
  const std::vector<std::string> differences = plan_differences(stored, wanted);
  if (!differences.empty()) {
    refuse_plan(file, differences);
  }
}

/// Whether two plans have the same runs in the same rows, with the same metrics.
bool are_same(const Plan& a, const Plan& b) {
  if (a.size() != b.size() || a.metrics() != b.metrics()) {
    return false;
  }
  for (std::int64_t run = 0; run < a.size(); ++run) {
    if (a.identity(run) != b.identity(run)) {
      return false;
    }
  }
  return true;
}

/// The first plan that a journal names, which has the metrics of all later ones. Nothing if no
/// plan is whole: replay() says what is wrong with it.
std::optional<Job> first_job_of(const fs::path& journal) {
  const MappedFile map(journal);
  const std::optional<Frame> frame = find_first_frame(map.bytes(), FrameType::plan);
  return frame ? std::optional(parse_stored_job(frame->text(), journal.string())) : std::nullopt;
}

/// A publication was told that nobody needs it any more.
struct Cancelled {};

/// Records that must agree do so in everything but time and place.
bool same_outcome(const RunRecord& a, const RunRecord& b) {
  const auto same_numbers = [](const std::vector<double>& x, const std::vector<double>& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
  };
  return a.status == b.status && a.reason == b.reason && a.steps == b.steps && a.points == b.points &&
         same_numbers(a.trajectory, b.trajectory) && same_numbers(a.final_values, b.final_values);
}

}  // namespace

std::optional<Job> find_stored_job(const fs::path& file) {
  if (fs::exists(journal_path(file))) {
    return first_job_of(journal_path(file));
  }
  return fs::exists(file) ? std::optional(ResultFile(file).plan().job()) : std::nullopt;
}

ResultStore::~ResultStore() {
  abandon_publication();
}

ResultStore::ResultStore(fs::path file, const Plan& plan, StoreOptions options, SessionInfo session)
    : file_(resolve_link(std::move(file))),
      plan_(plan),
      options_(std::move(options)),
      session_(std::move(session)),
      rows_(static_cast<std::size_t>(plan.size())),
      shard_left_(plan.shard_size()),
      publish_interval_s_(options_.first_publish_s) {
  counts_[0] = plan.size();
  provenance_.build = session_.build;
  if (fs::exists(file_)) {
    check_same_plan(file_, ResultFile(file_).plan(), plan_);  // before anything is touched
  }
  lock_.emplace(file_.string() + ".lock", lock_holder(session_.host), options_.warn, options_.without_locks);
  lock_->make_way(file_.string() + ".new");
  lock_->make_way(journal_path(file_).string() + ".new");
  open_journal();
  forget_retried();
  if (!finished_file_) {
    note_session(utc_now() + " " + session_.host + ": " + session_.command_line);
    sync();
  }
  row_of_identity_ = {};
  since_publish_.restart();  // nothing was trained while a long journal was read
}

void ResultStore::open_journal() {
  const fs::path journal = journal_path(file_);
  if (fs::exists(journal)) {
    replay();
  } else if (fs::exists(file_)) {
    import_file();
  } else {
    check_room();
    start_journal([](JournalWriter&) {});
  }
}

void ResultStore::replay() {
  const fs::path path = journal_path(file_);
  const MappedFile map(path);
  std::string wrong;
  std::unordered_set<std::uint64_t> forgotten;
  std::int64_t told = 0;
  const auto take = [&](std::uint64_t identity, const JournalContents::Entry& entry) {
    constexpr std::int64_t told_every = std::int64_t{1} << 22U;
    if (entry.offset >= told + told_every) {
      told = entry.offset;
      map.forget_before(told);
      options_.on_replay(told, static_cast<std::int64_t>(map.bytes().size()));
    }
    forgotten.erase(identity);
    if (const std::int64_t row = find_row(identity, entry.header.run); row >= 0 && !has(row)) {
      wrong = wrong.empty() ? why_not_of_plan(entry.header, row, plan_) : wrong;
      set_row(row, entry.offset, entry.header.status);
    }
  };
  const auto forget = [&](std::uint64_t identity) {
    forgotten.insert(identity);
    if (const std::int64_t row = find_row(identity, -1); row >= 0) {
      clear_row(row);
    }
  };
  const JournalContents contents = read_journal(map.bytes(), PastDamage::stop, {take, forget});
  if (!contents.scan.damage.empty()) {
    throw DamagedError("'" + path.string() + "' is damaged (" + contents.scan.damage +
                       "); run fasweep verify --repair, which keeps every whole record");
  }
  if (contents.job_text.empty()) {
    throw DamagedError("'" + path.string() +
                       "' is not a journal (it holds no plan); move it elsewhere if it is not fasweep's");
  }
  check_same_plan(file_, Plan(parse_stored_job(contents.job_text, path.string())), plan_);
  if (contents.scan.torn_bytes > 0) {
    options_.warn("'" + path.string() + "' ended in an unfinished record of " +
                  std::to_string(contents.scan.torn_bytes) + " bytes, which is dropped; that run is trained again");
  }
  if (!wrong.empty()) {
    throw DamagedError("'" + path.string() + "' holds a record that does not belong to its plan (" + wrong +
                       "); continue it with the version of fasweep that wrote it, or verify --repair drops the record");
  }
  provenance_.sessions = contents.sessions;
  provenance_.agents = contents.agents;
  journal_ = std::make_unique<JournalWriter>(path, contents.scan.good_end);
  if (contents.job_text != resolved_text(plan_.job())) {
    check_room();
    append_plan();
  }
  if (fs::exists(file_)) {
    take_runs_of_file_alone(forgotten);
  }
}

/// Runs that the file has and its journal does not, as where an old journal came back from a backup.
void ResultStore::take_runs_of_file_alone(const std::unordered_set<std::uint64_t>& forgotten) {
  const ResultFile published(file_);
  const bool same_rows = published.plan().hash() == plan_.hash();
  const auto is_alone = [&](std::int64_t run) {
    if (same_rows && has(run)) {
      return false;
    }
    const std::uint64_t identity = published.plan().identity(run);
    const std::int64_t row = find_row(identity, run);
    return row >= 0 && !has(row) && !forgotten.contains(identity);
  };
  const std::vector<RunStatus> statuses = published.read_statuses();
  std::int64_t taken = 0;
  for (std::size_t run = 0; run < statuses.size(); ++run) {
    taken += statuses[run] != RunStatus::pending && is_alone(static_cast<std::int64_t>(run)) ? 1 : 0;
  }
  if (taken == 0) {
    return;
  }
  options_.warn("'" + file_.string() + "' has " + std::to_string(taken) +
                " runs that its journal lacks (is the journal an older one?); they are kept");
  published.for_each_record([&](const RunRecord& record) {
    if (!is_alone(record.run)) {
      return;
    }
    const std::uint64_t identity = published.plan().identity(record.run);
    ByteWriter encoded;
    encode(record, encoded);
    set_row(find_row(identity, record.run), append_record(identity, encoded.view()), record.status);
  });
}

void ResultStore::append_plan() {
  journal_->append(FrameType::plan, resolved_text(plan_.job()));
  bytes_since_plan_ = 0;
}

/// The plan is repeated among the records: without it they are of no use.
std::int64_t ResultStore::append_record(std::uint64_t identity, std::span<const std::byte> encoded) {
  constexpr std::int64_t most_bytes = std::int64_t{1} << 20U;
  if (bytes_since_plan_ > most_bytes) {
    append_plan();
  }
  bytes_since_plan_ += static_cast<std::int64_t>(encoded.size());
  return journal_->append(FrameType::record, make_record_payload(identity, encoded));
}

void ResultStore::import_file() {
  const ResultFile old(file_);
  const bool same_plan = are_same(old.plan(), plan_);
  const std::vector<RunStatus> statuses = old.read_statuses();
  const bool retries =
      std::any_of(statuses.begin(), statuses.end(), [&](RunStatus status) { return options_.retry.contains(status); });
  bool done = same_plan && !retries;
  for (std::int64_t row = 0; done && row < plan_.size(); ++row) {
    done = !plan_.in_shard(row) || statuses[static_cast<std::size_t>(row)] != RunStatus::pending;
  }
  if (done) {
    finished_file_ = true;
    for (std::int64_t row = 0; row < plan_.size(); ++row) {
      const RunStatus status = statuses[static_cast<std::size_t>(row)];
      if (status != RunStatus::pending) {
        set_row(row, 0, status);  // in no journal
      }
    }
    return;
  }
  check_room();
  start_journal([&](JournalWriter& journal) {
    for (const std::string_view line : split(old.provenance().sessions, '\n')) {
      if (!line.empty()) {
        journal.append(FrameType::session, line);
        provenance_.sessions += std::string(line) + "\n";
      }
    }
    for (const std::string_view line : split(old.provenance().agents, '\n')) {
      if (!line.empty()) {
        journal.append(FrameType::agent, line);
        provenance_.agents += std::string(line) + "\n";
      }
    }
    old.for_each_record([&](const RunRecord& record) {
      const std::uint64_t identity = old.plan().identity(record.run);
      ByteWriter encoded;
      encode(record, encoded);
      const std::int64_t offset = append_record(identity, encoded.view());
      if (const std::int64_t row = find_row(identity, record.run); row >= 0) {
        set_row(row, offset, record.status);
      }
    });
  });
}

void ResultStore::start_journal(const std::function<void(JournalWriter&)>& fill) {
  // Under another name until it is whole: a journal that exists is believed.
  const fs::path path = journal_path(file_);
  const fs::path draft = path.string() + ".new";
  journal_ = std::make_unique<JournalWriter>(draft, 0);
  journal_->append(FrameType::format, make_format_payload());
  append_plan();
  fill(*journal_);
  append_plan();  // a second one at once, for journals that stay short
  journal_->sync();
  fault_point("journal-drafted");
  fs::rename(draft, path);
  fault_point("journal-renamed");
  sync_folder_of(path);
}

void ResultStore::forget_retried() {
  if (options_.retry.empty() || finished_file_) {
    return;
  }
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    if (plan_.in_shard(static_cast<std::int64_t>(row)) && rows_[row].has_record() &&
        options_.retry.contains(rows_[row].status())) {
      ByteWriter identity;
      identity.put(plan_.identity(static_cast<std::int64_t>(row)));
      journal_->append(FrameType::forget, identity.view());
      clear_row(static_cast<std::int64_t>(row));
    }
  }
}

void ResultStore::check_room() const {
  struct statvfs disk {};
  const fs::path folder = file_.has_parent_path() ? file_.parent_path() : ".";
  if (statvfs(folder.c_str(), &disk) != 0) {
    throw ConfigError("folder '" + folder.string() + "' cannot be used (" + std::strerror(errno) +
                      "); choose a folder you may write to");
  }
  const PlanSize size = measure_plan(plan_);
  // The journal, and two files while one replaces the other; compression only helps.
  const double needed = static_cast<double>(size.journal_bytes) + 2 * static_cast<double>(size.file_bytes);
  const double there = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  if (needed > there) {
    throw ConfigError("the plan needs up to " + format_real(std::round(needed / 1e6)) + " MB in '" + folder.string() +
                      "' (only " + format_real(std::floor(there / 1e6)) +
                      " MB are free); record fewer steps or metrics, split the grid, or use another disk");
  }
}

/// guess: where the run was in the plan of those who recorded it, mostly this one.
std::int64_t ResultStore::find_row(std::uint64_t identity, std::int64_t guess) {
  if (guess >= 0 && guess < plan_.size() && plan_.identity(guess) == identity) {
    return guess;
  }
  if (row_of_identity_.empty()) {
    row_of_identity_.reserve(rows_.size());
    for (std::int64_t row = 0; row < plan_.size(); ++row) {
      row_of_identity_.emplace_back(plan_.identity(row), row);
    }
    std::sort(row_of_identity_.begin(), row_of_identity_.end());
  }
  const auto found = std::lower_bound(row_of_identity_.begin(), row_of_identity_.end(), std::pair(identity, -1L));
  return found == row_of_identity_.end() || found->first != identity ? -1 : found->second;
}

/// status: not pending.
void ResultStore::set_row(std::int64_t row, std::int64_t offset, RunStatus status) {
  Row& entry = rows_[static_cast<std::size_t>(row)];
  --counts_[static_cast<std::size_t>(entry.status())];
  ++counts_[static_cast<std::size_t>(status)];
  shard_left_ -= plan_.in_shard(row) && !entry.has_record() ? 1 : 0;
  entry.set(offset, status);
}

void ResultStore::clear_row(std::int64_t row) {
  Row& entry = rows_[static_cast<std::size_t>(row)];
  --counts_[static_cast<std::size_t>(entry.status())];
  ++counts_[static_cast<std::size_t>(RunStatus::pending)];
  shard_left_ += plan_.in_shard(row) && entry.has_record() ? 1 : 0;
  entry.clear();
}

bool ResultStore::has(std::int64_t run) const {
  return rows_[static_cast<std::size_t>(run)].has_record();
}

bool ResultStore::complete() const {
  return shard_left_ == 0;
}

void ResultStore::add(const RecordHeader& header, std::span<const std::byte> encoded) {
  if (has(header.run)) {
    compare_duplicate(header.run, encoded);
    return;
  }
  const std::uint64_t identity = plan_.identity(header.run);
  set_row(header.run, append_record(identity, encoded), header.status);
  unsynced_.push_back(identity);
}

void ResultStore::compare_duplicate(std::int64_t run, std::span<const std::byte> encoded) {
  if (journal_ == nullptr) {
    return;  // from a rank that was lost and came back after the end
  }
  ByteReader in(encoded);
  const RunRecord second = decode_record(in);
  FrameReader journal(journal_path(file_));
  const RunRecord first = read_record(journal.read(rows_[static_cast<std::size_t>(run)].offset())).record;
  if (!same_outcome(first, second)) {
    ++differing_duplicates_;
    options_.warn("run " + std::to_string(run) +
                  " was trained twice with different results (workers on different machine types?); the first is kept");
  }
}

void ResultStore::note_session(const std::string& line) {
  journal_->append(FrameType::session, line);
  provenance_.sessions += line + "\n";
}

void ResultStore::note_origin(const Provenance& origin) {
  if (provenance_.sessions.find(origin.sessions) != std::string::npos) {
    return;
  }
  for (const std::string_view line : split(origin.sessions, '\n')) {
    if (!line.empty()) {
      note_session(std::string(line));
    }
  }
  for (const std::string_view line : split(origin.agents, '\n')) {
    if (!line.empty()) {
      note_agent(std::string(line));
    }
  }
}

void ResultStore::note_agent(const std::string& description) {
  if (journal_ == nullptr) {
    return;  // it came after the end
  }
  journal_->append(FrameType::agent, description);
  provenance_.agents += description + "\n";
}

void ResultStore::sync() {
  journal_->sync();
  since_sync_.restart();
  drop_checkpoints();
}

/// A run's checkpoint is of use until its record is on disk.
void ResultStore::drop_checkpoints() {
  const fs::path folder = checkpoint_folder(file_);
  std::error_code ignored;
  if (!unsynced_.empty() && fs::exists(folder, ignored)) {
    for (const std::uint64_t identity : unsynced_) {
      fs::remove(checkpoint_path(folder, identity), ignored);
    }
  }
  unsynced_.clear();
}

void ResultStore::tick() {
  if (finished_file_) {
    return;
  }
  if (since_sync_.seconds() >= options_.sync_interval_s) {
    sync();
  }
  if (end_publication() && since_publish_.seconds() >= publish_interval_s_ && !is_published(Purpose::snapshot) &&
      !puts_off_publishing()) {
    begin_publication(Purpose::snapshot);
  }
}

/// While another program writes to the file it stays in place: there is time until the end.
bool ResultStore::puts_off_publishing() {
  if (!fs::exists(file_) || !hdf5::is_being_written(file_)) {
    return false;
  }
  if (!std::exchange(told_of_writer_, true)) {
    options_.warn("'" + file_.string() +
                  "' is open for writing in another program (a notebook?) and is left alone meanwhile; new results are "
                  "kept in its journal");
  }
  since_publish_.restart();
  return true;
}

void ResultStore::publish() {
  abandon_publication();
  begin_publication(Purpose::end);
  publication_->warning.wait();
  static_cast<void>(end_publication());
}

void ResultStore::begin_publication(Purpose purpose) {
  sync();
  publication_ = std::make_unique<Publication>();
  publication_->purpose = purpose;
  publication_->journal_end = journal_->end();
  const auto replace = [this, end = journal_->end(), provenance = provenance_, &cancelled = publication_->cancelled] {
    return replace_file(end, provenance, cancelled);
  };
  try {
    publication_->warning = std::async(std::launch::async, replace);
  } catch (const std::system_error& error) {
    publication_.reset();
    throw StoreError("'" + file_.string() + "' cannot be written (" + error.what() +
                     "); allow this user more threads or memory, and run the same command again");
  }
}

/// Whether no publication is in progress any more. Throws what went wrong in the last one.
bool ResultStore::end_publication() {
  if (publication_ == nullptr) {
    return true;
  }
  if (publication_->warning.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    return false;
  }
  const std::unique_ptr<Publication> publication = std::move(publication_);
  since_publish_.restart();
  try {
    if (const std::string warning = publication->warning.get(); !warning.empty()) {
      options_.warn(warning);
    }
  } catch (const Cancelled&) {
    return true;
  }
  // Publishing takes at most a twentieth of the time, and becomes rarer during a long sweep.
  constexpr double growth = 1.5;
  constexpr double share = 20;
  publish_interval_s_ = std::max(publish_interval_s_ * growth, share * publication->stopwatch.seconds());
  published_end_ = publication->journal_end;
  published_for_ = publication->purpose;
  return true;
}

/// What it would have written stays in the journal.
void ResultStore::abandon_publication() {
  if (publication_ != nullptr) {
    publication_->cancelled = true;
    publication_->warning.wait();
    publication_.reset();
  }
}

/// Whether the journal holds nothing that was not published, at the end for Purpose::end: a file of long ago may have
/// been replaced since.
bool ResultStore::is_published(Purpose purpose) const {
  return published_end_ == journal_->end() && (purpose == Purpose::snapshot || published_for_ == Purpose::end);
}

/// On the publishing thread: the file from what the journal holds before `journal_end`. Returns a warning, if there is
/// one to give.
std::string ResultStore::replace_file(std::int64_t journal_end, const Provenance& provenance,
                                      const std::atomic<bool>& cancelled) const {
  const fs::path draft = file_.string() + ".new";
  std::vector<std::string> lost;
  try {
    FrameReader journal(journal_path(file_));
    lost = write_result_file(
        draft, plan_,
        [&](std::int64_t row) -> std::optional<RunRecord> {
          if (cancelled) {
            throw Cancelled{};
          }
          const std::int64_t offset = rows_[static_cast<std::size_t>(row)].offset();
          return offset < 0 || offset >= journal_end ? std::nullopt
                                                     : std::optional(read_record(journal.read(offset)).record);
        },
        provenance, fs::exists(file_) ? file_ : fs::path());
    fault_point("file-drafted");
    sync_file(draft);
  } catch (const Cancelled&) {
    std::error_code ignored;
    fs::remove(draft, ignored);
    throw;
  } catch (const StoreError& error) {
    std::error_code ignored;
    fs::remove(draft, ignored);  // half a file would only take the room that is missing
    throw StoreError(
        "'" + file_.string() + "' cannot be written (" + error.what() +
        "); what was recorded is kept in its journal: free some disk space and run the same command again");
  }
  std::string warning;
  if (!lost.empty()) {
    warning = "the previous file is kept as '" + keep_aside(file_, "before").string() +
              "', because this could not be copied from it: " +
              join(std::vector<std::string_view>(lost.begin(), lost.end()), "; ");
  }
  fs::rename(draft, file_);
  fault_point("file-renamed");
  sync_folder_of(file_);
  return warning;
}

bool ResultStore::try_finish() {
  if (finished_file_) {
    return true;
  }
  if (publication_ != nullptr && publication_->purpose != Purpose::end) {
    publication_->cancelled = true;
  }
  if (!end_publication()) {
    return false;
  }
  if (!is_published(Purpose::end)) {
    begin_publication(Purpose::end);
    return false;
  }
  if (complete()) {
    journal_.reset();
    remove_checkpoints(checkpoint_folder(file_));
    fs::remove(journal_path(file_));
    fault_point("journal-removed");
    finished_file_ = true;
  }
  return true;
}

void ResultStore::finish() {
  while (!try_finish()) {
    publication_->warning.wait();
  }
}

}  // namespace fasweep
