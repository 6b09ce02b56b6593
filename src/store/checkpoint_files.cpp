#include "store/checkpoint_files.hpp"

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>
#include <vector>

#include "store/journal.hpp"
#include "store/result_file.hpp"
#include "util/error.hpp"
#include "util/fault_point.hpp"
#include "util/text.hpp"

namespace fasweep {
namespace {

namespace fs = std::filesystem;

/// Changes whenever what a solver saves, or its meaning, does.
constexpr std::uint32_t format_version = 6;

Bytes make_payload(std::uint64_t identity, Solver solver, std::span<const std::byte> state) {
  constexpr std::size_t largest_state = std::numeric_limits<std::uint32_t>::max() - 64;  // lengths have 32 bits
  if (state.size() > largest_state) {
    throw StoreError("its state has " + std::to_string(state.size()) + " bytes, of which " +
                     std::to_string(largest_state) + " would fit");
  }
  ByteWriter out;
  out.put(format_version);
  out.put(identity);
  out.put(static_cast<std::uint8_t>(solver));
  out.put_array(state);
  return out.take();
}

/// Whether a file's name is one that checkpoint_path() gives.
bool is_hash(const std::string& name) {
  return name.size() == format_hash(0).size() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

/// The state in a checkpoint file; throws an Error that says why it cannot be trusted.
Bytes read_state(std::span<const std::byte> file, std::uint64_t identity, Solver solver) {
  const std::optional<Frame> frame = find_only_frame(file);
  if (!frame || frame->type != FrameType::checkpoint) {
    throw DamagedError("its bytes are not what was written");
  }
  ByteReader in(frame->payload);
  if (in.get<std::uint32_t>() != format_version) {
    throw DamagedError("another version of fasweep wrote it");
  }
  if (in.get<std::uint64_t>() != identity) {
    throw DamagedError("it belongs to another run");
  }
  if (in.get<std::uint8_t>() != static_cast<std::uint8_t>(solver)) {
    throw DamagedError("it belongs to another solver");
  }
  const std::span<const std::byte> state = in.take(in.left());
  return {state.begin(), state.end()};
}

}  // namespace

fs::path checkpoint_folder(const fs::path& file) {
  return resolve_link(file).string() + ".checkpoints";
}

fs::path checkpoint_path(const fs::path& folder, std::uint64_t identity) {
  return folder / format_hash(identity);
}

void remove_checkpoints(const fs::path& folder) {
  std::error_code ignored;  // what stays takes room and does no harm
  if (!fs::is_directory(fs::symlink_status(folder, ignored))) {
    return;
  }
  std::vector<fs::path> own;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const fs::path name = entry.path().extension() == ".new" ? entry.path().stem() : entry.path().filename();
    if (is_hash(name.string()) && entry.is_regular_file(ignored) && !entry.is_symlink(ignored)) {
      own.push_back(entry.path());
    }
  }
  for (const fs::path& path : own) {
    fs::remove(path, ignored);
  }
  fs::remove(folder, ignored);
}

CheckpointFiles::CheckpointFiles(const fs::path& file, const Plan& plan, double interval_s, Tell tell)
    : folder_(checkpoint_folder(file)), plan_(plan), interval_s_(interval_s), tell_(std::move(tell)) {}

std::optional<Bytes> CheckpointFiles::load(std::int64_t run, Solver solver) {
  const std::uint64_t identity = plan_.identity(run);
  const fs::path path = checkpoint_path(folder_, identity);
  try {
    const MappedFile map(path);
    if (map.bytes().empty() && !fs::exists(path)) {
      return std::nullopt;
    }
    return read_state(map.bytes(), identity, solver);
  } catch (const Error& error) {
    tell_("checkpoint '" + path.string() + "' is not used (" + error.what() + "); run " + std::to_string(run) +
          " starts over");
    return std::nullopt;
  }
}

void CheckpointFiles::save(std::int64_t run, Solver solver, std::span<const std::byte> state) {
  const std::uint64_t identity = plan_.identity(run);
  const fs::path path = checkpoint_path(folder_, identity);
  const fs::path draft = path.string() + ".new";
  try {
    fs::create_directory(folder_);
    if (fs::is_symlink(folder_)) {
      throw ConfigError("'" + folder_.string() + "' is a symbolic link; move it elsewhere");
    }
    fs::remove(draft);  // of a writer that was killed
    JournalWriter writer(draft, 0);
    writer.append(FrameType::checkpoint, make_payload(identity, solver, state));
    writer.sync();
    fault_point("checkpoint-drafted");
    fs::rename(draft, path);
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove(draft, ignored);  // half a state would only take the room that is missing
    if (!told_failure_.exchange(true)) {
      tell_("checkpoints cannot be kept, runs that are interrupted will start over: " + std::string(error.what()));
    }
  }
}

}  // namespace fasweep
