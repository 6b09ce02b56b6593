// Files of checkpoints: any bytes are a state or are not used. Once as they are, and once as the payload of a sound
// frame, which random bytes would never be.
#include <fcntl.h>
#include <unistd.h>

#include "fuzz/fuzzer.hpp"
#include "store/checkpoint_files.hpp"
#include "store/journal.hpp"

namespace {

using namespace fasweep;

void load(std::span<const std::byte> bytes) {
  static const Plan plan(parse_job("[grid]\np = 2\n", "fuzz.cfg"));
  static const testing::FuzzerFolder folder;
  const std::filesystem::path file = folder / "fuzz.h5";
  const std::filesystem::path path = checkpoint_path(checkpoint_folder(file), plan.identity(0));
  std::filesystem::create_directory(checkpoint_folder(file));
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  testing::require(write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()), "a file");
  close(descriptor);
  int told = 0;
  CheckpointFiles files(file, plan, 1, [&](const std::string&) { ++told; });

  const std::optional<Bytes> state = files.load(0, Solver::weight_space);

  testing::require(state.has_value() == (told == 0), "a state that is not used is told of");
  testing::require(!state || state->size() < bytes.size(), "a state is part of its file");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  load(bytes);
  load(encode_frame(FrameType::checkpoint, bytes));
  return 0;
}
