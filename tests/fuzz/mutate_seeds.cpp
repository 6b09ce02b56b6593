// A small driver for compilers without libFuzzer: FUZZER SEEDS ROUNDS gives the fuzzer every seed, then ROUNDS random
// changes of random seeds, always the same ones. The input at hand is left in FUZZER.input for a crash to be repeated.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzzer.hpp"

namespace {

using Input = std::vector<std::uint8_t>;

std::vector<Input> read_seeds(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> seeds;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return seeds;
}

/// Bytes flipped, set, removed, repeated, or taken from another seed.
void mutate(Input& input, const Input& other, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit == 0 ? 0 : random() % limit; };
  const auto place = [&] { return input.begin() + static_cast<std::ptrdiff_t>(below(input.size())); };
  if (input.empty()) {
    input = other;
    return;
  }
  switch (random() % 6) {
    case 0:
      *place() ^= static_cast<std::uint8_t>(1U << random() % 8);
      break;
    case 1:
      *place() = static_cast<std::uint8_t>(random() % 2 == 0 ? random() : 255 * (random() % 2));
      break;
    case 2:
      input.resize(below(input.size()));
      break;
    case 3: {
      const auto first = place();
      input.erase(first, first + std::min<std::ptrdiff_t>(input.end() - first, random() % 16));
      break;
    }
    case 4: {
      const Input piece(place(), input.end());
      input.insert(place(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(below(piece.size())));
      break;
    }
    default: {
      const std::size_t from = below(other.size());
      const std::size_t size = std::min<std::size_t>(other.size() - from, random() % 32);
      input.insert(place(), other.begin() + static_cast<std::ptrdiff_t>(from),
                   other.begin() + static_cast<std::ptrdiff_t>(from + size));
    }
  }
  constexpr std::size_t longest = 4096;
  input.resize(std::min(input.size(), longest));
}

/// Leaves the input at hand in a file, for a crash to be repeated.
class Note {
 public:
  explicit Note(std::string path) : path_(std::move(path)), file_(open(path_.c_str(), O_RDWR | O_CREAT, 0666)) {}
  ~Note() {
    close(file_);
    std::filesystem::remove(path_);
  }
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;

  void keep(const Input& input) const {
    const bool kept = ftruncate(file_, 0) == 0 && pwrite(file_, input.data(), input.size(), 0) >= 0;
    fasweep::testing::require(kept, "the input can be noted");
  }

 private:
  std::string path_;
  int file_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: FUZZER SEEDS ROUNDS\n";
    return 2;
  }
  const std::vector<Input> seeds = read_seeds(argv[1]);
  if (seeds.empty()) {
    std::cerr << "folder '" << argv[1] << "' holds no seeds\n";
    return 2;
  }
  const Note note(std::string(argv[0]) + ".input");
  for (const Input& seed : seeds) {
    note.keep(seed);
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
  }
  std::mt19937 random(1);
  const long rounds = std::stol(argv[2]);
  for (long round = 0; round < rounds; ++round) {
    Input input = seeds[random() % seeds.size()];
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      mutate(input, seeds[random() % seeds.size()], random);
    }
    note.keep(input);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::cout << seeds.size() << " seeds and " << rounds << " changed ones\n";
}
